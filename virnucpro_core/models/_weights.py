"""Weights as safetensors files: what a model expects, writing, checking, loading."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from virnucpro_core.errors import BundleError
from virnucpro_core.models._stored_tensors import StoredTensors
from virnucpro_core.models._weight_shapes import check_shapes

__all__ = ["LinearFactory", "check_weights", "load_weights", "save_weights"]

LinearFactory = Callable[[Tensor, Tensor | None], nn.Module]
"""Makes a linear layer from its weight [out, in] and its bias [out] or None."""

_Module = TypeVar("_Module", bound=nn.Module)
_REMEDY = "fetch or train the bundle again"


def save_weights(module: nn.Module, path: Path, dtype: torch.dtype) -> None:
    """Write the weights of ``module``, floating-point ones as ``dtype``."""
    state = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in module.state_dict().items()
    }
    save_file(state, path)


def check_weights(build: Callable[[], nn.Module], path: Path) -> None:
    """Compare the tensors of a file with those of the model that ``build`` makes.

    Raises:
        BundleError: as `check_shapes` does.
    """
    with torch.device("meta"):
        expected = {name: tensor.shape for name, tensor in build().state_dict().items()}
    check_shapes(expected, path)


def load_weights(
    build: Callable[[], _Module],
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    linear: LinearFactory | None = None,
) -> _Module:
    """The model that ``build`` makes with the weights of a checked file, ready for inference.

    Every tensor is read straight into its place in the target format: besides the finished weights
    there is never more than 16 MiB (with ``linear``, one layer's weights) in memory.

    Args:
        build: makes the model; called without allocating its weights.
        path: safetensors file that passed `check_weights`.
        device: where the weights go.
        dtype: number format to compute in, whatever the file holds.
        linear: makes what takes the place of an ``nn.Linear`` below ``layers``, from its weight
            and its bias on ``device`` in the number format of the file.

    Raises:
        BundleError: the file is not what it was when it was checked.
    """
    with torch.device("meta"):
        model = build()
    with StoredTensors(path) as stored:
        replaced = set()
        if linear is not None:
            replaced = _replace_linears(model, stored, device, linear)
        for name in stored.tensors:
            owner, _, leaf = name.rpartition(".")
            if owner not in replaced:
                _assign(model.get_submodule(owner), leaf, stored.read(name, device, dtype))
    for name, tensor in itertools.chain(model.named_parameters(), model.named_buffers()):
        if tensor.is_meta:
            raise BundleError(f"has no tensor {name}", where=str(path), remedy=_REMEDY)
    return model.eval().requires_grad_(False)


def _replace_linears(
    model: nn.Module, stored: StoredTensors, device: torch.device, linear: LinearFactory
) -> set[str]:
    names = {
        name
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear) and name.startswith("layers.")
    }
    # The largest first: what is freed then has room for what follows, else the heap grows.
    for name in sorted(names, key=lambda name: (-stored.n_numbers(f"{name}.weight"), name)):
        weight = stored.read(f"{name}.weight", device, None)
        bias = None
        if f"{name}.bias" in stored.tensors:
            bias = stored.read(f"{name}.bias", device, None)
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, linear(weight, bias))
        del weight, bias  # or they would live on while the next layer's are read
    return names


def _assign(module: nn.Module, name: str, tensor: Tensor) -> None:
    if isinstance(getattr(module, name), nn.Parameter):
        setattr(module, name, nn.Parameter(tensor, requires_grad=False))
    else:
        setattr(module, name, tensor)
