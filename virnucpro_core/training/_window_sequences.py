"""The windows of a dataset as sequences, for models that read no embeddings.

A shard holds frames alone: of a window without one it has nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from virnucpro_core._files import create_gzip
from virnucpro_core.errors import InputError, StoreError
from virnucpro_core.sequences import read_batches
from virnucpro_core.store import ByteStrings

__all__ = [
    "WINDOW_SEQUENCES",
    "WindowSequenceWriter",
    "create_window_sequences",
    "read_window_sequences",
]

WINDOW_SEQUENCES = "windows.fasta.gz"
"""Name of the file in a dataset directory."""


class WindowSequenceWriter:
    """Writes the file, window by window; made by `create_window_sequences`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def add(self, ids: Sequence[str], sequences: ByteStrings) -> None:
        """Append windows.

        Raises:
            StoreError: the file cannot be written.
        """
        for name, letters in zip(ids, sequences, strict=True):
            self._stream.write(b">%s\n%s\n" % (name.encode(), letters))


@contextmanager
def create_window_sequences(path: Path) -> Iterator[WindowSequenceWriter]:
    """A gzipped FASTA file, whole or not at all; equal windows give equal bytes.

    Raises:
        StoreError: the file cannot be written.
    """
    with create_gzip(path) as stream:
        yield WindowSequenceWriter(stream)


def read_window_sequences(path: Path, ids: Sequence[str]) -> ByteStrings:
    """The sequences of the windows ``ids``, in their order.

    Raises:
        StoreError: the file cannot be read, or holds other windows.
    """
    try:
        batches = list(read_batches(path, is_sample=False))
    except InputError as error:
        raise StoreError(
            f"cannot be read ({error.what})", where=str(path), remedy=error.remedy
        ) from error
    found = [name for batch in batches for name in batch.ids]
    if found != list(ids):
        raise StoreError(
            "holds other windows than windows.tsv",
            where=str(path),
            remedy="make the dataset again with 'virnucpro train data'",
        )
    return ByteStrings.from_iterable(
        sequence.encode() for batch in batches for sequence in batch.sequences
    )
