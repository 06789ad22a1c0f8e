"""Records of a sample as they stand in its files: where they come from and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ReadFiles", "RecordBatch"]


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """The files of one sample, in reading order.

    Attributes:
        files: sequence files; several (lanes) are read one after another.
        paired: the files are pairs: first mates, second mates, first mates of the next lane, …
    """

    files: tuple[Path, ...]
    paired: bool = False

    def lanes(self) -> list[tuple[Path, ...]]:
        """The files by lane: one each, or a pair each."""
        step = 2 if self.paired else 1
        return [self.files[at : at + step] for at in range(0, len(self.files), step)]

    def __str__(self) -> str:
        more = len(self.files) - 1
        return f"{self.files[0]} and {more} more" if more else str(self.files[0])


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of a sample.

    Attributes:
        first: number of the first record in the sample, from 0.
        ids: each header up to its first whitespace; mates that share one have ``/1`` or ``/2``
            behind it.
        names: the whole headers, without ``>`` or ``@``; each begins with its id.
        sequences: the sequences as they stand in the file, line breaks removed; those that an
            alignment has turned round are turned back.
        qualities: as in FASTQ (a character a base, Phred + 33), or None where the file has none.
        files: the file that the records come from, or the two whose records take turns.
        first_in_files: records of ``files`` together before the first one here.
    """

    first: int
    ids: list[str]
    names: list[str]
    sequences: list[str]
    qualities: list[str] | None
    files: tuple[Path, ...]
    first_in_files: int

    def __len__(self) -> int:
        return len(self.ids)

    def slice(self, start: int, stop: int) -> RecordBatch:
        """Records ``start`` to ``stop`` (not included) as a batch."""
        return RecordBatch(
            first=self.first + start,
            ids=self.ids[start:stop],
            names=self.names[start:stop],
            sequences=self.sequences[start:stop],
            qualities=None if self.qualities is None else self.qualities[start:stop],
            files=self.files,
            first_in_files=self.first_in_files + start,
        )

    def place(self, row: int) -> str:
        """Where a record is, for messages: ``reads.fq, record 12``."""
        index = self.first_in_files + row
        number, file = divmod(index, len(self.files))
        return f"{self.files[file]}, record {number + 1}"
