"""Reading the reads a second time, in step with the record table, to write the viral ones."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import InputError
from virnucpro_core.sequences import ReadFiles, RecordBatch, read_batches

__all__ = ["RereadReads", "create_gzip", "fasta_records"]

_REMEDY = "give the file that was prepared, or run the pipeline again with this one"


class RereadReads:
    """The reads once more, each record checked against the one that was prepared.

    Args:
        path: the file or files that were prepared.
    """

    def __init__(self, path: Path | ReadFiles) -> None:
        self._path = path
        self._batches = read_batches(path)
        self._batch: RecordBatch | None = None
        self._used = 0  # records of the batch that were taken
        self._n_taken = 0

    def take(self, ids: Sequence[str], lengths: NDArray[np.int64]) -> Iterator[RecordBatch]:
        """The next records, which must have these ids and lengths, in slices.

        Raises:
            InputError: the file is not the one that was prepared, or cannot be read.
        """
        taken = 0
        while taken < len(ids):
            batch = self._current()
            if batch is None:
                raise InputError(
                    f"ends after {self._n_taken} records, there were more when it was prepared",
                    where=str(self._path),
                    remedy=_REMEDY,
                )
            stop = min(len(batch), self._used + len(ids) - taken)
            part = batch.slice(self._used, stop)
            self._check(part, ids[taken : taken + len(part)], lengths[taken : taken + len(part)])
            self._used = stop
            self._n_taken += len(part)
            taken += len(part)
            yield part

    def expect_end(self) -> None:
        """Check that no record is left.

        Raises:
            InputError: there is one.
        """
        if self._current() is not None:
            raise InputError(
                f"has more records than the {self._n_taken} that were prepared",
                where=str(self._path),
                remedy=_REMEDY,
            )

    def _current(self) -> RecordBatch | None:
        while self._batch is None or self._used == len(self._batch):
            self._batch = next(self._batches, None)
            self._used = 0
            if self._batch is None:
                return None
        return self._batch

    def _check(self, part: RecordBatch, ids: Sequence[str], lengths: NDArray[np.int64]) -> None:
        records = zip(part.ids, part.sequences, ids, lengths.tolist(), strict=True)
        for row, (found, sequence, expected, length) in enumerate(records):
            if found != expected or len(sequence) != length:
                raise InputError(
                    f"is {found} of {len(sequence)} bases, "
                    f"it was {expected} of {length} when the file was prepared",
                    where=part.place(row),
                    remedy=_REMEDY,
                )


@contextmanager
def create_gzip(path: Path) -> Iterator[BinaryIO]:
    """Write a gzip file, whole or not at all; equal content gives equal bytes.

    Raises:
        StoreError: the file cannot be written.
    """
    # The file's name and the time would be part of the bytes.
    with (
        AtomicFile(path) as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as stream,
    ):
        yield cast("BinaryIO", stream)


def fasta_records(batch: RecordBatch, chosen: Sequence[bool]) -> Iterator[bytes]:
    """The chosen records as FASTA: the whole header, and the sequence as given on one line."""
    for name, sequence in compress(zip(batch.names, batch.sequences, strict=True), chosen):
        yield f">{name}\n{sequence}\n".encode()
