"""VirNucPro's published classifiers, which are pickled modules, as `MlpClassifier`.

VirNucPro (Li et al., https://github.com/Li-Jing-1997/VirNucPro) saves with ``torch.save`` a whole
module of the class ``MLPClassifier`` of its own script: ``hidden_layer``, ``bn1`` and
``output_layer``, used in that order, with a ReLU and a dropout of one half before the last. Its
input is the DNA embedding and then the protein embedding (768 + 2,560), its second class is virus.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from virnucpro_core.errors import BundleError
from virnucpro_core.models._config import ClassifierConfig
from virnucpro_core.models._mlp import MlpClassifier
from virnucpro_core.models._pickled_tensors import PickledTensors

__all__ = ["import_classifier"]

_NORM = {"weight", "bias", "running_mean", "running_var"}
_COUNT = "num_batches_tracked"


def import_classifier(path: Path) -> MlpClassifier:
    """The classifier in a file of ``torch.save``, for inference; nothing in the file is executed.

    The layers are found by their shapes, whatever they are called: two linear layers and between
    them one batch normalisation. How they are joined is code, which is not in the file: it is taken
    to be what VirNucPro's is.

    Args:
        path: a whole module or its state dict.

    Raises:
        BundleError: the file cannot be read, or holds another model.
    """
    with PickledTensors(path) as stored:
        tensors, epsilons = dict(stored), stored.epsilons
    try:
        hidden, norm, output = _layers(tensors)
        n_hidden, n_input = tensors[f"{hidden}weight"].shape
        classifier = MlpClassifier(
            ClassifierConfig(n_input, n_hidden, len(tensors[f"{output}weight"]))
        )
        epsilon = epsilons.get(norm.removesuffix("."), classifier.norm.eps)
        if epsilon != classifier.norm.eps:
            raise ValueError(f"its batch normalisation has an epsilon of {epsilon}")
        state = {}
        for ours, theirs in {"hidden.": hidden, "norm.": norm, "output.": output}.items():
            for name, tensor in tensors.items():
                if name.startswith(theirs) and "." not in name.removeprefix(theirs):
                    state[ours + name.removeprefix(theirs)] = tensor
        if len(state) != len(tensors):
            raise ValueError("it has more tensors than a classifier of three layers")
        state.setdefault(f"norm.{_COUNT}", torch.tensor(0))
        classifier.load_state_dict(state)
    except (ValueError, RuntimeError) as error:
        raise BundleError(
            f"holds another classifier than VirNucPro's: {error}",
            where=str(path),
            remedy="give a classifier of Linear, BatchNorm1d, ReLU, Dropout and Linear",
        ) from error
    return classifier.eval().requires_grad_(False)


def _layers(tensors: dict[str, Tensor]) -> tuple[str, str, str]:
    """Prefixes of the hidden layer, its normalisation and the output layer."""
    parts: dict[str, set[str]] = {}
    for name in tensors:
        owner, _, leaf = name.rpartition(".")
        parts.setdefault(f"{owner}." if owner else "", set()).add(leaf)
    norms = [prefix for prefix, leaves in parts.items() if leaves - {_COUNT} == _NORM]
    linears = [
        prefix
        for prefix, leaves in parts.items()
        if leaves == {"weight", "bias"} and tensors[f"{prefix}weight"].ndim == 2
    ]
    if len(norms) != 1 or len(linears) != 2:
        raise ValueError(
            f"it has {len(linears)} linear layers and {len(norms)} batch normalisations"
        )
    width = len(tensors[f"{norms[0]}running_mean"])
    # As the file has them; the other way round where only that fits.
    for hidden, output in (linears, linears[::-1]):
        n_out, n_in = len(tensors[f"{hidden}weight"]), tensors[f"{output}weight"].shape[1]
        if n_out == n_in == width:
            return hidden, norms[0], output
    raise ValueError(f"no linear layers fit a batch normalisation of width {width}")
