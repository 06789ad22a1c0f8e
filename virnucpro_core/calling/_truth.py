"""Calls against known labels: how many are right, over all, by class and by genome."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from virnucpro_core.errors import InputError

__all__ = ["Tally", "TruthComparison", "compare_with_truth"]

_LABELS = ("virus", "non-virus")
_NOT_SCORABLE = "not-scorable"


@dataclass(slots=True)
class Tally:
    """Counts of one group of records.

    Attributes:
        right: called what they are.
        wrong: called the other.
        not_scorable: not called at all.
    """

    right: int = 0
    wrong: int = 0
    not_scorable: int = 0

    @property
    def total(self) -> int:
        """All records of the group."""
        return self.right + self.wrong + self.not_scorable

    @property
    def accuracy(self) -> float:
        """Right calls over all records: one that is not scorable counts as a miss. NaN for none."""
        return self.right / self.total if self.total else float("nan")

    def add(self, call: str, label: str) -> None:
        """Count one record."""
        if call == _NOT_SCORABLE:
            self.not_scorable += 1
        elif call == label:
            self.right += 1
        else:
            self.wrong += 1


@dataclass(frozen=True, slots=True)
class TruthComparison:
    """Calls against the truth.

    Attributes:
        overall: all records.
        by_label: tallies of ``virus`` and ``non-virus`` (the true label).
        by_genome: tallies by ``(label, accession, organism)``, viruses first.
    """

    overall: Tally
    by_label: dict[str, Tally]
    by_genome: dict[tuple[str, str, str], Tally]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        total = self.overall
        rows = [("all", total), *self.by_label.items()]
        rows += [(f"  {key[1]} {key[2]}", tally) for key, tally in self.by_genome.items()]
        width = max(len(name) for name, _ in rows)
        scored = total.right + total.wrong
        yield (
            f"{total.right} of {total.total} reads are called right ({total.accuracy:.1%}); "
            f"{total.wrong} wrong, {total.not_scorable} not scorable (counted as misses)"
        )
        if scored:
            yield f"of the {scored} that could be scored, {total.right / scored:.1%} are right"
        yield f"{'truth':<{width}}  reads  right  wrong  not scorable  right %"
        for name, t in rows:
            yield (
                f"{name:<{width}}  {t.total:5}  {t.right:5}  {t.wrong:5}  "
                f"{t.not_scorable:12}  {100 * t.accuracy:7.1f}"
            )


def compare_with_truth(sequences: Path, truth: Path) -> TruthComparison:
    """Compare the calls of ``sequences.tsv`` with true labels.

    Args:
        sequences: a result table with columns ``id`` and ``call``.
        truth: a tab-separated table with columns ``id``, ``label`` (virus or non-virus),
            ``accession`` and ``organism``; one row for each record of ``sequences``.

    Raises:
        InputError: a table cannot be read, or the two are not about the same records.
    """
    labels: dict[str, dict[str, str]] = {}
    columns = ("id", "label", "accession", "organism")
    for number, row in enumerate(_rows(truth, columns), start=2):
        if row["id"] in labels:
            raise InputError(
                f"has a label for {row['id']} already",
                where=f"{truth}, line {number}",
                remedy="keep one row for each record",
            )
        labels[row["id"]] = row
    overall = Tally()
    by_label = {label: Tally() for label in _LABELS}
    genomes: dict[tuple[str, str, str], Tally] = {}
    for row in _rows(sequences, ("id", "call")):
        known = labels.pop(row["id"], None)
        if known is None:
            raise InputError(
                f"has no label for {row['id']}, or {sequences} has it twice", where=str(truth)
            )
        label, call = known["label"], row["call"]
        if label not in _LABELS:
            raise InputError(
                f"labels {row['id']} {label!r}, not virus or non-virus", where=str(truth)
            )
        if call not in (*_LABELS, _NOT_SCORABLE):
            raise InputError(f"calls {row['id']} {call!r}", where=str(sequences))
        key = (label, known["accession"], known["organism"])
        for tally in (overall, by_label[label], genomes.setdefault(key, Tally())):
            tally.add(call, label)
    if labels:
        raise InputError(
            f"has no call for {next(iter(labels))}; {len(labels)} labelled records are missing",
            where=str(sequences),
            remedy="give the truth of the same reads",
        )
    order = sorted(genomes, key=lambda key: (_LABELS.index(key[0]), key[1:]))
    return TruthComparison(overall, by_label, {key: genomes[key] for key in order})


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"has no column {missing[0]}", where=str(path))
            for number, row in enumerate(reader, start=2):
                if any(row[name] is None for name in columns):
                    raise InputError("has too few fields", where=f"{path}, line {number}")
                yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read ({error})", where=str(path)) from error
