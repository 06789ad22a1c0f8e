"""How a classifier is shaped and fitted: the authors' recipe, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from virnucpro_core.errors import UsageError

__all__ = ["RECIPES", "ClassifierRecipe", "find_recipe"]


@dataclass(frozen=True, slots=True)
class ClassifierRecipe:
    """How the classifier is shaped and fitted.

    Attributes:
        hidden_width: numbers in the hidden layer.
        batch_frames: frames in a step at most.
        learning_rate, weight_decay: of the optimizer.
        most_epochs: passes over the training frames at most.
        patience: passes without a lower validation loss after which fitting stops; the weights of
            the lowest loss are kept.
        seed: of the weights and of the order of frames.
        optimizer: ``"adamw"``, or ``"sgd"`` with momentum 0.9.
        decay_epochs: passes after which the learning rate is multiplied by ``decay``; 0: never.
        decay: see ``decay_epochs``.
        dropout: share of the hidden numbers that a step leaves out.
        standardise: scale every feature to mean 0 and deviation 1 over the training frames; the
            scaling is folded into the first layer in the end.
        weigh_classes: let both classes count the same, however many frames they have.
        glorot: draw the weights as Glorot and Bengio 2010 do, in place of torch's way.
    """

    hidden_width: int = 64
    batch_frames: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    most_epochs: int = 40
    patience: int = 5
    seed: int = 1
    optimizer: Literal["adamw", "sgd"] = "adamw"
    decay_epochs: int = 0
    decay: float = 1.0
    dropout: float = 0.5
    standardise: bool = True
    weigh_classes: bool = True
    glorot: bool = False


RECIPES: Mapping[str, ClassifierRecipe] = MappingProxyType(
    {
        # train.py of github.com/Li-Jing-1997/VirNucPro, commit 0f93f275. It stops on the windows
        # that it is tested on, and goes on with the weights of its last pass; here it stops on the
        # validation genomes, and the weights of the lowest loss are kept.
        "authors": ClassifierRecipe(
            hidden_width=512,
            batch_frames=32,
            learning_rate=2e-4,
            weight_decay=0.0,
            most_epochs=200,
            patience=5,
            optimizer="sgd",
            decay_epochs=10,
            decay=0.85,
            dropout=0.5,
            standardise=False,
            weigh_classes=False,
            glorot=True,
        ),
        "default": ClassifierRecipe(hidden_width=128, learning_rate=3e-4, most_epochs=100),
    }
)
"""Recipes by the name that ``--recipe`` takes."""


def find_recipe(name: str) -> ClassifierRecipe:
    """The recipe of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name!r}", remedy=f"use {' or '.join(RECIPES)}")
    return RECIPES[name]
