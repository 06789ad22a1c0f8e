"""Files of ``torch.save`` to one safetensors file, a tensor at a time.

The format is told in `_stored_tensors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

import torch

from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import BundleError
from virnucpro_core.models._pickled_objects import PickledTensor
from virnucpro_core.models._pickled_tensors import PickledTensors

__all__ = ["convert_to_safetensors"]

_FORMATS: Mapping[torch.dtype, str] = MappingProxyType(
    {
        torch.float64: "F64",
        torch.float32: "F32",
        torch.float16: "F16",
        torch.bfloat16: "BF16",
        torch.int64: "I64",
        torch.int32: "I32",
        torch.int8: "I8",
        torch.uint8: "U8",
        torch.bool: "BOOL",
    }
)
_METADATA = "__metadata__"


def convert_to_safetensors(sources: Sequence[Path], path: Path) -> list[str]:
    """Write the tensors of ``sources``, as they are, into one safetensors file.

    It is written whole or not at all, and the largest tensor is all that is in memory. Nothing in
    the sources is executed.

    Args:
        sources: files of ``torch.save``; several when a model comes in pieces.
        path: the file to write.

    Returns:
        For each source, what has its tensors there and how many.

    Raises:
        BundleError: a source cannot be read, or has a tensor of a name that cannot be written.
        StoreError: ``path`` cannot be written.
    """
    with ExitStack() as stack:
        owners: dict[str, PickledTensors] = {}
        found = []
        for source in sources:
            tensors = stack.enter_context(PickledTensors(source))
            for name in tensors:
                if name in owners or name == _METADATA:
                    raise BundleError(
                        f"has a tensor {name}, and that name is taken",
                        where=str(source),
                        remedy="convert files that are pieces of one model",
                    )
                owners[name] = tensors
            found.append(f"{tensors.source}: {len(tensors)} tensors")
        shapes = {name: owner.description(name) for name, owner in owners.items()}
        # Wide numbers first, so that each tensor begins at a multiple of its numbers' size.
        order = sorted(shapes, key=lambda name: (-shapes[name].storage.dtype.itemsize, name))
        with AtomicFile(path) as file:
            file.write(_header({name: shapes[name] for name in order}))
            for name in order:
                content = owners[name][name].view(-1).view(torch.uint8)
                file.write(content.numpy().data)
    return found


def _header(shapes: Mapping[str, PickledTensor]) -> bytes:
    """Its length and the header of a file that has these tensors in this order."""
    header: dict[str, object] = {_METADATA: {"format": "pt"}}
    start = 0
    for name, shape in shapes.items():
        dtype = shape.storage.dtype
        end = start + shape.n_numbers * dtype.itemsize
        header[name] = {
            "dtype": _FORMATS[dtype],
            "shape": list(shape.shape),
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
