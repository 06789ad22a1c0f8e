"""Finding ids that occur twice, in memory that does not grow with the number of records."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from types import TracebackType
from typing import IO

import numpy as np

from virnucpro_core.errors import InputError
from virnucpro_core.sequences._records import RecordBatch

__all__ = ["DuplicateFinder"]

_PARTITIONS = 64
_BUFFERED_IDS = 1 << 16


class DuplicateFinder:
    """Collects hashes of the ids of a sample and tells which ids came more than once.

    Hashes are spread over temporary files by their value, so that each can be sorted on its own.
    Equal hashes of different ids are possible, so the ids themselves are asked for once more where
    hashes are equal.
    """

    def __init__(self) -> None:
        self._lanes: list[RecordBatch] = []  # the beginning of each, without its records
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

    def add(self, batch: RecordBatch) -> None:
        """Take note of the ids of the sample's next batch."""
        if not self._lanes or batch.first_in_files == 0:
            self._lanes.append(batch.slice(0, 0))
        self._buffer.extend(map(hash, batch.ids))
        if len(self._buffer) >= _BUFFERED_IDS:
            self._spill()

    def errors(self, ids: Iterable[Iterable[str]]) -> Iterator[InputError]:
        """An error for each record whose id is that of one before.

        Args:
            ids: those of all the records once more, in blocks; drawn where they are needed.
        """
        hashes = self._repeated_hashes()
        if not hashes:
            return
        seen: dict[str, int] = {}
        for number, record_id in enumerate(chain.from_iterable(ids)):
            if hash(record_id) not in hashes:
                continue
            if record_id in seen:
                yield self._error(record_id, seen[record_id], number)
            else:
                seen[record_id] = number

    def _error(self, record_id: str, first: int, second: int) -> InputError:
        lane, other = self._lane(second), self._lane(first)
        place, where = other.place(first - other.first), lane.place(second - lane.first)
        remedy = "make the ids unique (for example with 'seqkit rename')"
        if lane is not other:
            remedy = (
                "if these are mates, name the two files in one row of the samplesheet, as fastq_1 "
                f"and fastq_2 (in a command of virnucpro: --paired); else {remedy}"
            )
        elif second == first + 1 and len(lane.files) == 1:
            remedy = (
                "if these are mates, give both mates of every pair, in turn from the first record "
                f"on, or put /1 and /2 behind their ids; else {remedy}"
            )
        if lane is other and len(lane.files) == 1:
            place = place.removeprefix(f"{lane.files[0]}, ")
        return InputError(
            f"the id {record_id} is that of {place} again",
            where=where,
            remedy=remedy,
        )

    def _lane(self, number: int) -> RecordBatch:
        return next(lane for lane in reversed(self._lanes) if lane.first <= number)

    def _repeated_hashes(self) -> set[int]:
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
