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

    It is written whole or not at all. The largest tensor is all that is in memory. Nothing in the sources is executed.

    Args:
        sources: files of ``torch.save``; several when a model comes in pieces.
        path: the file to write.

    Returns:
        For each source, what has its tensors there and how many.

    Raises:
        BundleError: a source cannot be read, or two of them have a tensor of one name.
        StoreError: ``path`` cannot be written.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(PickledTensors(source)) for source in sources]
        # The format keeps one name for itself.
        owners: dict[str, PickledTensors] = {}
        for source, tensors in zip(sources, opened, strict=True):
            for name in tensors:
                if name in owners or name == _METADATA:
                    raise BundleError(
                        f"has a second tensor {name}",
                        where=str(source),
                        remedy="convert files that are pieces of one model",
                    )
                owners[name] = tensors
        # Wide numbers first, so that each tensor begins at a multiple of its numbers' size.
        sizes = {name: owner.description(name) for name, owner in owners.items()}
        order = sorted(sizes, key=lambda name: (-sizes[name].storage.dtype.itemsize, name))
        header: dict[str, object] = {_METADATA: {"format": "pt"}}
        start = 0
        for name in order:
            dtype = sizes[name].storage.dtype
            end = start + sizes[name].n_numbers * dtype.itemsize
            header[name] = {
                "dtype": _FORMATS[dtype],
                "shape": list(sizes[name].shape),
                "data_offsets": [start, end],
            }
            start = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with AtomicFile(path) as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                content = owners[name][name].view(-1).view(torch.uint8)
                file.write(content.numpy().data)
        return [f"{tensors.source}: {len(tensors)} tensors" for tensors in opened]
