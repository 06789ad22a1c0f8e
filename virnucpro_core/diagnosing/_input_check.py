"""A sample's reads, read through as a run would read them, and every kind of mistake told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences import (
    DuplicateFinder,
    OpenedFiles,
    ReadFiles,
    RecordBatch,
    Stretch,
    clean_sequences,
    cut_windows,
    read_batches,
    window_information,
)
from virnucpro_core.store import Information

__all__ = ["InputCheck", "check_reads"]

_CODON = 3
_WINDOW = 500
"""Bases of the windows that records are judged by: this check knows no model."""
_TOGETHER = 1_024


@dataclass(frozen=True, slots=True)
class InputCheck:
    """What is in a sample's reads.

    Attributes:
        name: of the sample.
        records: read, all of them unless an error ended the reading.
        letters: of all records.
        shortest, longest: letters of a record; 0 where there is none.
        empty: records without a letter.
        short: records with letters, but fewer than a codon.
        ambiguous: records with other letters than A, C, G, T and U (of proteins: with B, J, X, Z).
        uninformative: records with letters, but without information in any window of 500 bases:
            too many unknown bases or too little complexity (of proteins: none).
        errors: a line for each of the first mistakes, each with its place and remedy.
        n_errors: all mistakes that were found.
        is_whole: whether the reading came to the end.
        warnings, notes: as of `OpenedFiles`.
    """

    name: str
    records: int
    letters: int
    shortest: int
    longest: int
    empty: int
    short: int
    ambiguous: int
    uninformative: int
    errors: tuple[str, ...]
    n_errors: int
    is_whole: bool
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether a run would take these reads."""
        return self.n_errors == 0


def check_reads(
    name: str, reads: ReadFiles, *, molecule: str = "dna", max_errors: int = 10
) -> InputCheck:
    """Read a sample to its end.

    Args:
        name: of the sample.
        reads: its files.
        molecule: ``"dna"`` or ``"protein"``.
        max_errors: how many mistakes are told; the rest is counted.

    Raises:
        UsageError: there is no such molecule.
    """
    if max_errors < 1:
        raise UsageError(f"{max_errors} errors to tell", remedy="use 1 or more")
    check = _Check(molecule, max_errors)
    is_whole = True
    opened = OpenedFiles()
    with DuplicateFinder() as finder:
        try:
            for batch in read_batches(reads, opened, is_sample=molecule == "dna"):
                check.add(batch)
                finder.add(batch)
        except InputError as error:
            check.note(str(error))
            is_whole = False
        _find_duplicates(reads, finder, check)
    return InputCheck(
        name=name,
        records=check.records,
        letters=check.letters,
        shortest=check.shortest or 0,
        longest=check.longest,
        empty=check.empty,
        short=check.short,
        ambiguous=check.ambiguous,
        uninformative=check.uninformative,
        errors=tuple(check.errors),
        n_errors=check.n_errors,
        is_whole=is_whole,
        warnings=tuple(opened.warnings),
        notes=tuple(opened.notes),
    )


class _Check:
    """Counts of the records so far, and the mistakes in them."""

    def __init__(self, molecule: str, max_errors: int) -> None:
        self._molecule = molecule
        self._max_errors = max_errors
        self._usual = frozenset("ACGTUacgtu" if molecule == "dna" else "ACDEFGHIKLMNPQRSTVWYUO*")
        self.records = self.letters = self.longest = 0
        self.empty = self.short = self.ambiguous = self.uninformative = self.n_errors = 0
        self.shortest: int | None = None
        self.errors: list[str] = []

    def note(self, line: str) -> None:
        """Count a mistake, and keep it where it is one of the first."""
        self.n_errors += 1
        if len(self.errors) < self._max_errors:
            self.errors.append(line)

    def add(self, batch: RecordBatch) -> None:
        """Count a batch of records and check their letters."""
        lengths = list(map(len, batch.sequences))
        self.records += len(batch)
        self.letters += sum(lengths)
        self.empty += lengths.count(0)
        self.short += sum(0 < length < _CODON for length in lengths)
        if lengths:
            least = min(lengths)
            self.shortest = least if self.shortest is None else min(self.shortest, least)
            self.longest = max(self.longest, *lengths)
        self.ambiguous += sum(not self._usual.issuperset(each) for each in batch.sequences)
        if self._molecule == "dna":
            self.uninformative += _count_uninformative(batch.sequences)
        try:
            self._clean(batch, 0, len(batch))
        except InputError:
            # Somewhere in it: each record by itself tells which ones.
            for row in range(len(batch)):
                try:
                    self._clean(batch, row, row + 1)
                except InputError as error:
                    place = f"{batch.place(row)} ({batch.ids[row]})"
                    self.note(str(InputError(error.what, where=place, remedy=error.remedy)))

    def _clean(self, batch: RecordBatch, start: int, stop: int) -> None:
        clean_sequences(
            batch.sequences[start:stop], batch.ids[start:stop], self._molecule, source=""
        )


def _count_uninformative(sequences: Sequence[str]) -> int:
    lengths = np.fromiter(map(len, sequences), np.int64, count=len(sequences))
    windows = cut_windows(lengths, _WINDOW)
    start = (np.cumsum(lengths) - lengths)[windows.record] + windows.start
    length = windows.length.astype(np.int64)
    letters = "".join(sequences).encode("ascii", "replace")
    is_informative = np.zeros(len(sequences), dtype=np.bool_)
    # A chromosome is one record: what is looked at together stays small.
    for first in range(0, len(windows), _TOGETHER):
        mine = slice(first, first + _TOGETHER)
        origin, end = int(start[mine][0]), int((start + length)[mine].max())
        stretch = Stretch.of(letters[origin:end])
        found = window_information(stretch, start[mine] - origin, length[mine])
        is_informative[windows.record[mine][found == Information.ENOUGH]] = True
    return int(np.count_nonzero((lengths > 0) & ~is_informative))


def _find_duplicates(reads: ReadFiles, finder: DuplicateFinder, check: _Check) -> None:
    """Ids that came twice, by a second reading where some may have."""
    try:
        for error in finder.errors(batch.ids for batch in read_batches(reads)):
            check.note(str(error))
    except InputError:
        # The first reading ended here too, and told why.
        return
