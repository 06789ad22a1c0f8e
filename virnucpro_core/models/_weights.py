"""Weights as safetensors files: what a model expects, writing, checking, loading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from virnucpro_core.errors import BundleError

__all__ = ["check_weights", "load_weights", "save_weights"]

_Module = TypeVar("_Module", bound=nn.Module)
_FLOATS = {"F64", "F32", "F16", "BF16"}
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

    Only the file's header is read.

    Raises:
        BundleError: the file is no safetensors file, or a tensor is missing, unexpected, of
            another shape or of a number format that weights do not come in.
    """
    with torch.device("meta"):
        expected = {name: tensor.shape for name, tensor in build().state_dict().items()}
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {name: (part.get_shape(), part.get_dtype()) for name, part in slices.items()}
    except (SafetensorError, OSError) as error:
        raise BundleError(
            f"is not a safetensors file ({error})", where=str(path), remedy=_REMEDY
        ) from error
    for name in [*expected, *found]:
        if name not in found:
            raise BundleError(f"has no tensor {name}", where=str(path), remedy=_REMEDY)
        if name not in expected:
            raise BundleError(f"has an unexpected tensor {name}", where=str(path), remedy=_REMEDY)
        shape, number_format = found[name]
        if list(expected[name]) != shape:
            raise BundleError(
                f"tensor {name} has shape {shape}, the model needs {list(expected[name])}",
                where=str(path),
                remedy=_REMEDY,
            )
        if number_format not in _FLOATS and len(shape) > 0:
            raise BundleError(
                f"tensor {name} holds {number_format} numbers, weights are floating-point",
                where=str(path),
                remedy=_REMEDY,
            )


def load_weights(
    build: Callable[[], _Module], path: Path, device: torch.device, dtype: torch.dtype
) -> _Module:
    """The model that ``build`` makes with the weights of a checked file, ready for inference.

    Args:
        build: makes the model; called without allocating its weights.
        path: safetensors file that passed `check_weights`.
        device: where the weights go.
        dtype: number format to compute in, whatever the file holds.
    """
    with torch.device("meta"):
        model = build()
    state: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - a safetensors file, not a dict
            tensor: Tensor = file.get_tensor(name)
            state[name] = tensor.to(device, dtype if tensor.is_floating_point() else None)
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(False)
