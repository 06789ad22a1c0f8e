"""How far the files of a sample have been read, and what was noticed on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

__all__ = ["OpenedFiles"]


class OpenedFiles:
    """Opens files and counts the bytes that were taken from them, compressed as they are.

    Attributes:
        warnings: clauses about what may be missing of them.
        notes: clauses about how they were read.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self._open: list[FileIO] = []
        self._closed_bytes = 0

    @contextmanager
    def open(self, path: Path) -> Iterator[FileIO]:
        """Open a file; without a buffer, so that its position is what was taken from it."""
        with path.open("rb", buffering=0) as file:
            self._open.append(file)
            try:
                # Whoever decompresses closes what it is given; the position is that of both.
                with open(path, "rb", buffering=0, opener=lambda *_: os.dup(file.fileno())) as same:
                    yield same
            finally:
                # Who drops the records without an end may have closed the file before.
                if not file.closed and file.seekable():
                    self._closed_bytes += file.tell()
                self._open.remove(file)

    @property
    def n_bytes(self) -> int:
        """Bytes taken so far. Who decompresses takes some hundred kilobytes ahead of what is read;
        what comes out of a pipe does not count."""
        return self._closed_bytes + sum(file.tell() for file in self._open if file.seekable())
