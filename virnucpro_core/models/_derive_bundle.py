"""A bundle with the encoders of another one and a classifier of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from virnucpro_core._files import sha256_of_file
from virnucpro_core._frame_rule import FrameRule
from virnucpro_core._reliability import StrangenessLimits
from virnucpro_core.models._bundle import Bundle
from virnucpro_core.models._bundle_spec import BundleSpec, ClassifierSpec
from virnucpro_core.models._mlp import MlpClassifier
from virnucpro_core.models._weights import save_weights
from virnucpro_core.models._write_bundle import RELIABILITY, describe_reliability, stage_bundle

__all__ = ["derive_bundle"]

_CLASSIFIER = "classifier.safetensors"


def derive_bundle(
    base: Bundle,
    path: Path,
    *,
    name: str,
    description: str,
    window_size: int,
    frame_rule: FrameRule,
    classifier: MlpClassifier,
    calibration: Mapping[str, Any] | None,
    training: Mapping[str, Any],
    accuracy: Mapping[str, Any],
    reliability: tuple[MlpClassifier, StrangenessLimits] | None = None,
) -> Bundle:
    """Write a bundle with the encoders of ``base``, whole or not at all, and load it again.

    The encoders' files become hard links where the file system allows it, else copies: gigabytes
    are not written twice.

    Args:
        base: where encoders, tokenizer and licence are from.
        path: directory to make; it must not exist yet.
        name, description, window_size, frame_rule, calibration, training, accuracy: see
            `BundleSpec`.
        classifier: takes the features of these encoders.
        reliability: network and limits of a `Reliability`; None for none, whatever ``base`` has.

    Raises:
        BundleError: ``path`` exists or cannot be written, a file of ``base`` is altered, or the
            classifier does not fit its encoders.
    """

    def fill(staging: Path) -> BundleSpec:
        own = {base.spec.classifier.weights}
        if base.spec.reliability is not None:
            own.add(base.spec.reliability.weights)
        kept = {file: digest for file, digest in base.spec.files.items() if file not in own}
        for file in kept:
            _link(base.path / file, staging / file)
        made = {_CLASSIFIER: classifier}
        if reliability is not None:
            made[RELIABILITY] = reliability[0]
        for file, network in made.items():
            save_weights(network, staging / file, torch.float32)
            # safetensors lets nobody but the owner read its files
            (staging / file).chmod(0o644)
        return replace(
            base.spec,
            name=name,
            description=description,
            window_size=window_size,
            frame_rule=frame_rule,
            classifier=ClassifierSpec(_CLASSIFIER, classifier.config),
            calibration=calibration,
            training=training,
            accuracy=accuracy,
            reliability=describe_reliability(reliability),
            files={**kept, **{file: sha256_of_file(staging / file) for file in made}},
        )

    return stage_bundle(path, fill)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Of a link, what it leads to: staged and downloaded models are full of links.
    real = source.resolve(strict=True)
    try:
        os.link(real, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(real, target)
