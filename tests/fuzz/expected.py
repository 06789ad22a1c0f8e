"""What must become of a list of records, by the rules of ``docs/usage.md`` in plain Python.

Nothing of the package is used here: this is what the package is compared with.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

NUCLEOTIDES = set("ACGTURYSWKMBDHVNacgturyswkmbdhvn")
QUALITIES = {chr(byte) for byte in range(ord("!"), ord("~") + 1)}


class Record(NamedTuple):
    """A whole header, a sequence, and qualities where the file has them."""

    name: str
    sequence: str
    qualities: str | None

    @property
    def id(self) -> str:
        return " ".join(self.name.split(None, 1)[:1])


@dataclass(frozen=True, slots=True)
class Expected:
    """What a case must end in: these records, or one line and exit code 2.

    Attributes:
        records: what comes out; None where it must be refused.
        may_refuse: refusing is right as well.
        is_known: False where only the manner counts: exit code 0 or 2, one line, in time.
        warning: a word that must be on standard error.
    """

    records: tuple[Record, ...] | None
    may_refuse: bool = False
    is_known: bool = True
    warning: str = ""


REFUSED = Expected(None)
ANY = Expected(None, may_refuse=True, is_known=False)


def expect(records: Sequence[Record], *, may_refuse: bool = False) -> Expected:
    """What must become of the records of one file."""
    for record in records:
        if not record.id or not record.name.isascii() or not record.id.isprintable():
            return REFUSED
        if not NUCLEOTIDES.issuperset(record.sequence):
            return REFUSED
        if record.qualities is not None and not QUALITIES.issuperset(record.qualities):
            return REFUSED
    named = _named(records)
    if named is None or len({record.id for record in named}) < len(named):
        return REFUSED
    return Expected(tuple(named), may_refuse)


def _named(records: Sequence[Record]) -> list[Record] | None:
    """With /1 and /2 where mates are in turn; None where one has no mate."""
    first = records[:2]
    if len(first) < 2 or first[0].id != first[1].id or _say_the_same_mate(*first):
        return list(records)
    if len(records) % 2:
        return None
    named: list[Record] = []
    before = ""
    for one, two in zip(records[::2], records[1::2], strict=True):
        if one.id != two.id or one.id == before:
            return None
        before = one.id
        named += [with_mate(one, 1), with_mate(two, 2)]
    return named


def with_mate(record: Record, mate: int) -> Record:
    return record._replace(name=record.name.replace(record.id, f"{record.id}/{mate}", 1))


def _say_the_same_mate(one: Record, two: Record) -> bool:
    says = [re.match(r"\S+\s+([12]):[YN]:", record.name) for record in (one, two)]
    return None not in says and len({match[1] for match in says if match}) == 1


def draw_records(rng: random.Random, *, with_qualities: bool) -> list[Record]:
    """Well-formed ones: some without bases, some long, some with descriptions."""
    ends = ["", " a description", " length=9", "\ttab", "/x", " 1:N:0:ACGT"]
    end = rng.choice(ends)
    records = []
    for number in range(rng.choice([0, 1, 2, 3, 5, 12, 40])):
        length = rng.choice([0, 1, 7, 60, 61, 150, 400])
        sequence = "".join(rng.choices(rng.choice(["ACGT", "acgtN", "ACGTRYU"]), k=length))
        qualities = "".join(rng.choices("!#5AI~@+>", k=length)) if with_qualities else None
        records.append(Record(f"r{number}{end}", sequence, qualities))
    if records and rng.random() < 0.2:
        return in_turn(records)
    return records


def in_turn(records: Sequence[Record]) -> list[Record]:
    """Each with a mate of its id behind it."""
    return [
        record._replace(name=record.name.replace(" 1:N", f" {mate}:N"))
        for record in records
        for mate in (1, 2)
    ]
