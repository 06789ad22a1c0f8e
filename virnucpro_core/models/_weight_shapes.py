"""What the header of a safetensors file must say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

from virnucpro_core.errors import BundleError

__all__ = ["check_shapes", "read_shapes"]

_FLOATS = {"F64", "F32", "F16", "BF16"}
_REMEDY = "fetch or train the bundle again"


def check_shapes(expected: Mapping[str, Sequence[int]], path: Path) -> None:
    """Compare the tensors of a file with those that a model has.

    Only the file's header is read.

    Args:
        expected: shape of each tensor by its name.
        path: the safetensors file.

    Raises:
        BundleError: the file is no safetensors file, or a tensor is missing, unexpected, of
            another shape or of a number format that weights do not come in.
    """
    found = read_shapes(path)
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


def read_shapes(path: Path) -> dict[str, tuple[list[int], str]]:
    """Shape and number format of each tensor of a file, whose length is that which its header says.

    Raises:
        BundleError: the file is no safetensors file, or not a whole one.
    """
    try:
        with safe_open(path, framework="np") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {name: (part.get_shape(), part.get_dtype()) for name, part in slices.items()}
    except (SafetensorError, OSError) as error:
        raise BundleError(
            f"is not a safetensors file ({error})", where=str(path), remedy=_REMEDY
        ) from error
