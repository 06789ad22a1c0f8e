"""Reading the tensors of a safetensors file piece by piece, each straight to its place.

The format (https://github.com/huggingface/safetensors, "Format"): the header's length in 8 bytes,
the header as JSON (per tensor its number format, shape and place), then the numbers, all
little-endian.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor

from virnucpro_core.errors import BundleError

__all__ = ["StoredTensor", "StoredTensors"]

_REMEDY = "fetch or train the bundle again"

_PIECE_BYTES = 1 << 24
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies.

    Attributes:
        dtype: number format in the file.
        shape: its shape.
        start: its first byte, from the beginning of the file.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int


class StoredTensors:
    """The tensors of an open safetensors file, by name.

    The numbers are read, not mapped: mapped pages count as memory of this process too, a mapped
    file that is cut short ends the process with a bus error, and on a network file system mapped
    weights are fetched again whenever memory is short. Besides the tensors handed out, one piece
    of 16 MiB is in memory.

    Raises:
        BundleError: the file cannot be read, is no safetensors file, or has numbers of a format
            that is not known here.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            n_header = int.from_bytes(self._exactly(8), "little")
            if n_header > path.stat().st_size:
                raise ValueError("its header is cut short")
            header = json.loads(self._exactly(n_header))
            self.tensors = {
                name: StoredTensor(
                    dtype=_dtype(entry["dtype"]),
                    shape=tuple(entry["shape"]),
                    start=8 + n_header + entry["data_offsets"][0],
                )
                for name, entry in header.items()
                if name != "__metadata__"
            }
        except (OSError, ValueError, LookupError, TypeError) as error:
            self._file.close()
            raise self._unreadable(error) from error
        self._piece = torch.empty(_PIECE_BYTES, dtype=torch.uint8)

    def __enter__(self) -> StoredTensors:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, name: str, device: torch.device, dtype: torch.dtype | None) -> Tensor:
        """A tensor on ``device``; floating-point numbers as ``dtype`` unless that is None.

        Raises:
            BundleError: there is no such tensor, or it cannot be read to its end.
        """
        if name not in self.tensors:
            raise BundleError(f"has no tensor {name}", where=str(self._path), remedy=_REMEDY)
        stored = self.tensors[name]
        to = dtype if dtype is not None and stored.dtype.is_floating_point else stored.dtype
        tensor = torch.empty(stored.shape, dtype=to, device=device)
        flat = tensor.view(-1)
        try:
            self._file.seek(stored.start)
            if to == stored.dtype and device.type == "cpu":
                self._fill(flat)
                return tensor
            n_at_once = _PIECE_BYTES // stored.dtype.itemsize
            for start in range(0, math.prod(stored.shape), n_at_once):
                place = flat[start : start + n_at_once]
                piece = self._piece[: len(place) * stored.dtype.itemsize].view(stored.dtype)
                self._fill(piece)
                place.copy_(piece)
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error
        return tensor

    def n_numbers(self, name: str) -> int:
        """Size of a tensor, 0 if there is none."""
        return math.prod(self.tensors[name].shape) if name in self.tensors else 0

    def _fill(self, tensor: Tensor) -> None:
        # Through bytes, because numpy has no bf16.
        room = tensor.view(torch.uint8).numpy().data
        while len(room) > 0:
            n_read = self._file.readinto(room)
            if not n_read:
                raise ValueError("it is cut short")
            room = room[n_read:]

    def _exactly(self, n_bytes: int) -> bytes:
        content = self._file.read(n_bytes)
        if len(content) < n_bytes:
            raise ValueError("its header is cut short")
        return content

    def _unreadable(self, error: Exception) -> BundleError:
        return BundleError(f"cannot be read ({error})", where=str(self._path), remedy=_REMEDY)


def _dtype(name: str) -> torch.dtype:
    if name not in _DTYPES:
        raise ValueError(f"it holds {name} numbers")
    return _DTYPES[name]
