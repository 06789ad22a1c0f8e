"""Calls against known labels: how many are right, over all, by class and by organism."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from virnucpro_core.errors import InputError

__all__ = ["Tally", "TruthComparison", "compare_with_truth"]

_LABELS = ("virus", "non-virus")
_NOT_SCORABLE = "not-scorable"
_SURE_TIERS = ("high", "medium")
_COLUMNS = ("records", "right", "sure", "wrong", "sure", "no answer", "right %")
_COLUMNS_OF_CONFIDENCE = (2, 4)


@dataclass(slots=True)
class Tally:
    """Counts of one group of records.

    Attributes:
        right: called what they are.
        wrong: called the other.
        not_scorable: not called at all.
        sure_right: of the right ones, those in tier high or medium.
        sure_wrong: of the wrong ones, those in tier high or medium.
    """

    right: int = 0
    wrong: int = 0
    not_scorable: int = 0
    sure_right: int = 0
    sure_wrong: int = 0

    @property
    def total(self) -> int:
        """All records of the group."""
        return self.right + self.wrong + self.not_scorable

    @property
    def accuracy(self) -> float:
        """Right calls over all records: one that is not scorable counts as a miss. NaN for none."""
        return self.right / self.total if self.total else float("nan")

    def add(self, call: str, label: str, *, is_sure: bool = False) -> None:
        """Count one record."""
        if call == _NOT_SCORABLE:
            self.not_scorable += 1
        elif call == label:
            self.right += 1
            self.sure_right += is_sure
        else:
            self.wrong += 1
            self.sure_wrong += is_sure


@dataclass(slots=True)
class TruthComparison:
    """Calls against the truth.

    Attributes:
        overall: all records.
        by_label: tallies of ``virus`` and ``non-virus`` (the true label).
        by_organism: tallies by ``(kind, label, organism)``: kinds in the order of the truth,
            viruses first.
        has_tiers: whether the calls say how sure they are.
    """

    overall: Tally = field(default_factory=Tally)
    by_label: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in _LABELS})
    by_organism: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    has_tiers: bool = False

    def __str__(self) -> str:
        return "\n".join([*self._table(), "", *self._words()])

    def _table(self) -> Iterator[str]:
        rows: list[tuple[str, Tally | None]] = []
        last = ("", "")
        for (kind, label, organism), tally in self.by_organism.items():
            if kind != last[0]:
                rows.append((f"{kind}s", None))
            if (kind, label) != last:
                mine = [t for (k, at, _), t in self.by_organism.items() if (k, at) == (kind, label)]
                rows.append((f"  {label}", _sum(mine)))
            last = (kind, label)
            rows.append((f"    {organism}", tally))
        rows.append(("all records", self.overall))
        width = max(len(name) for name, _ in rows)
        shown = [
            number
            for number in range(len(_COLUMNS))
            if self.has_tiers or number not in _COLUMNS_OF_CONFIDENCE
        ]
        yield "  ".join(["what it is".ljust(width), *(_COLUMNS[i] for i in shown)])
        for name, t in rows:
            if t is None:
                yield name
                continue
            values = (
                t.total, t.right, t.sure_right, t.wrong, t.sure_wrong, t.not_scorable,
                f"{100 * t.accuracy:.1f}",
            )  # fmt: skip
            cells = (f"{values[i]:>{len(_COLUMNS[i])}}" for i in shown)
            yield "  ".join([name.ljust(width), *cells])

    def _words(self) -> Iterator[str]:
        total, viruses, others = self.overall, self.by_label["virus"], self.by_label["non-virus"]
        yield (
            f"{total.right} of {total.total} records are called right ({total.accuracy:.1%}), "
            f"{total.wrong} wrong, {total.not_scorable} without an answer (counted as misses; the "
            "report says why)."
        )
        if self.has_tiers:
            yield (
                f"Viruses found with confidence (sure: in tier high or medium): "
                f"{viruses.sure_right} of {viruses.total} viral records."
            )
            yield (
                f"Called virus with confidence, but are none: {others.sure_wrong} of "
                f"{others.total} other records."
            )


def compare_with_truth(sequences: Path, truth: Path) -> TruthComparison:
    """Compare the calls of ``sequences.tsv`` with true labels.

    Args:
        sequences: a result table with columns ``id``, ``call`` and ``tier``.
        truth: a tab-separated table with columns ``id``, ``label`` (virus or non-virus),
            ``organism`` and, where records are to be told apart by it, ``kind`` (such as read or
            contig); one row for each record of ``sequences``.

    Raises:
        InputError: a table cannot be read, or the two are not about the same records.
    """
    labels: dict[str, dict[str, str]] = {}
    for number, row in enumerate(_rows(truth, ("id", "label", "organism")), start=2):
        if row["id"] in labels:
            raise InputError(
                f"has a label for {row['id']} already",
                where=f"{truth}, line {number}",
                remedy="keep one row for each record",
            )
        labels[row["id"]] = row
    kinds = list(dict.fromkeys(row.get("kind") or "record" for row in labels.values()))
    result = TruthComparison()
    organisms: dict[tuple[str, str, str], Tally] = {}
    for row in _rows(sequences, ("id", "call", "tier")):
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
        result.has_tiers |= row["tier"] not in ("", "NA", _NOT_SCORABLE)
        key = (known.get("kind") or "record", label, known["organism"])
        for tally in (result.overall, result.by_label[label], organisms.setdefault(key, Tally())):
            tally.add(call, label, is_sure=row["tier"] in _SURE_TIERS)
    if labels:
        raise InputError(
            f"has no call for {next(iter(labels))}; {len(labels)} labelled records are missing",
            where=str(sequences),
            remedy="give the truth of the same reads",
        )
    order = sorted(organisms, key=lambda key: (kinds.index(key[0]), _LABELS.index(key[1]), key[2]))
    result.by_organism.update((key, organisms[key]) for key in order)
    return result


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        for name in Tally.__slots__:
            setattr(total, name, getattr(total, name) + getattr(tally, name))
    return total


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
