"""Reading the reads a second time, in step with the record table, to write the viral ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import OpenedFiles, ReadFiles, RecordBatch, read_batches

__all__ = ["RereadReads", "viral_records"]

_REMEDY = "give the file that was prepared, or run the pipeline again with this one"


class RereadReads:
    """The reads once more, each record checked against the one that was prepared.

    Args:
        path: the file or files that were prepared.
    """

    def __init__(self, path: Path | ReadFiles) -> None:
        self._path = path
        self._opened = OpenedFiles()
        self._batches = read_batches(path, self._opened)
        self._batch: RecordBatch | None = None
        self._used = 0  # records of the batch that were taken
        self._n_taken = 0

    @property
    def with_qualities(self) -> bool:
        """Whether the records have base qualities.

        Raises:
            InputError: the file cannot be read.
        """
        batch = self._current()
        return batch is not None and batch.qualities is not None

    @property
    def warnings(self) -> list[str]:
        """What may be missing of the reads, once they are read."""
        return self._opened.warnings

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


def viral_records(
    batch: RecordBatch, chosen: Sequence[bool], *, with_qualities: bool
) -> Iterator[bytes]:
    """The chosen records as FASTQ where the file has qualities, else as FASTA.

    They have the whole header, and the sequence as given on one line.
    """
    if not with_qualities:
        for name, sequence in compress(zip(batch.names, batch.sequences, strict=True), chosen):
            yield f">{name}\n{sequence}\n".encode()
        return
    # Among files with qualities only those of empty records can be missing.
    qualities = batch.qualities or batch.sequences
    records = zip(batch.names, batch.sequences, qualities, strict=True)
    for name, sequence, quality in compress(records, chosen):
        yield f"@{name}\n{sequence}\n+\n{quality}\n".encode()
