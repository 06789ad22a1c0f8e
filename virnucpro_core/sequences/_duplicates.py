"""Finding ids that occur twice, in memory that does not grow with the number of records."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from types import TracebackType
from typing import IO

import numpy as np

__all__ = ["DuplicateFinder"]

_PARTITIONS = 64
_BUFFERED_IDS = 1 << 16


class DuplicateFinder:
    """Collects hashes of ids and tells which hashes came more than once.

    Hashes are spread over temporary files by their value, so that each can be sorted on its own.
    Equal hashes of different ids are possible: whoever uses the answer compares the ids.
    """

    def __init__(self) -> None:
        self._files: list[IO[bytes]] = []
        self._buffer: list[int] = []

    def __enter__(self) -> DuplicateFinder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for file in self._files:
            file.close()

    def add(self, ids: Sequence[str]) -> None:
        """Take note of ``ids``."""
        self._buffer.extend(map(hash, ids))
        if len(self._buffer) >= _BUFFERED_IDS:
            self._spill()

    def repeated_hashes(self) -> set[int]:
        """``hash()`` values that came more than once."""
        if not self._files:
            return _repeated(np.array(self._buffer, dtype=np.int64))
        self._spill()
        repeated: set[int] = set()
        for file in self._files:
            file.seek(0)
            repeated |= _repeated(np.frombuffer(file.read(), dtype=np.int64))
        return repeated

    def _spill(self) -> None:
        if not self._files:
            self._files = [tempfile.TemporaryFile() for _ in range(_PARTITIONS)]  # noqa: SIM115
        hashes = np.array(self._buffer, dtype=np.int64)
        self._buffer = []
        partition = hashes % _PARTITIONS
        ordered = np.argsort(partition, kind="stable")
        ends = np.searchsorted(partition[ordered], np.arange(1, _PARTITIONS))
        for file, part in zip(self._files, np.split(hashes[ordered], ends), strict=True):
            file.write(part.tobytes())


def _repeated(hashes: np.ndarray[tuple[int], np.dtype[np.int64]]) -> set[int]:
    ordered = np.sort(hashes)
    return set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
