"""The classifier as a prediction uses it: a few matrix products, without torch.

Shapes: ``n`` frames, ``W`` input width, ``H`` hidden width, ``C`` classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from virnucpro_core.errors import BundleError
from virnucpro_core.models._config import ClassifierConfig
from virnucpro_core.models._weight_shapes import check_shapes

__all__ = ["Classifier", "check_classifier"]

_NORM_EPSILON = 1e-5
"""What batch normalisation adds to a variance: the default of torch, which all are trained with."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """Linear → BatchNorm → ReLU → Linear, as `MlpClassifier` is in evaluation mode.

    Sums are in double precision: a task that only does this starts two seconds sooner without
    torch, and scores do not depend on how a machine's library orders its sums.

    Attributes:
        weights: float64, by the names that `MlpClassifier` has for them.
    """

    weights: Mapping[str, NDArray[np.float64]]

    @property
    def input_width(self) -> int:
        """Width of the features that it takes."""
        return int(self.weights["hidden.weight"].shape[1])

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Features [n, W], DNA embedding first, to logits [n, C]."""
        w = self.weights
        x = features @ w["hidden.weight"].T + w["hidden.bias"]
        x -= w["norm.running_mean"]
        x *= w["norm.weight"] / np.sqrt(w["norm.running_var"] + _NORM_EPSILON)
        x += w["norm.bias"]
        np.maximum(x, 0, out=x)
        logits: NDArray[np.float64] = x @ w["output.weight"].T + w["output.bias"]
        return logits

    @classmethod
    def of(cls, weights: Mapping[str, NDArray[np.floating]]) -> Classifier:
        """The classifier with these weights, of any floating-point format."""
        return cls({name: value.astype(np.float64) for name, value in weights.items()})

    @classmethod
    def load(cls, path: Path, config: ClassifierConfig) -> Classifier:
        """Read a safetensors file.

        Raises:
            BundleError: the file cannot be read, or holds something else.
        """
        check_classifier(path, config)
        try:
            return cls.of(load_file(path))
        except (SafetensorError, OSError, KeyError) as error:
            raise BundleError(
                f"cannot be read ({error})", where=str(path), remedy="fetch or train it again"
            ) from error


def check_classifier(path: Path, config: ClassifierConfig) -> None:
    """Compare the tensors of a file with those of a classifier of this shape.

    Raises:
        BundleError: the file is no safetensors file, or its tensors are others.
    """
    inputs, hidden, classes = config.input_width, config.hidden_width, config.n_classes
    check_shapes(
        {
            "hidden.weight": (hidden, inputs),
            "hidden.bias": (hidden,),
            "norm.weight": (hidden,),
            "norm.bias": (hidden,),
            "norm.running_mean": (hidden,),
            "norm.running_var": (hidden,),
            "norm.num_batches_tracked": (),
            "output.weight": (classes, hidden),
            "output.bias": (classes,),
        },
        path,
    )
