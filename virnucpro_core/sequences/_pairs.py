"""Mates of pairs, in two files or in turn in one, and their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TypeAlias

from dnaio import SequenceRecord

from virnucpro_core.errors import InputError

__all__ = ["NumberedRecord", "mates_in_turn", "mates_of_two_files"]

NumberedRecord: TypeAlias = tuple[SequenceRecord, int]
"""A record with the number that an alignment file has for a mate: 1 or 2; 0 for one without."""

_FIRST_MATE = ("/1", ".1", "_1", ":1")
"""Ends of an id that names the first mate; that of the second has a 2."""

_ILLUMINA = re.compile(r"\S+\s+([12]):[YN]:")
"""A header of CASAVA 1.8 or later: which mate it is, and whether it was filtered out."""


def mates_of_two_files(
    first: Path, second: Path, ones: Iterator[NumberedRecord], twos: Iterator[NumberedRecord]
) -> Iterator[SequenceRecord]:
    """The records of two files of mates in turn.

    Raises:
        InputError: the files do not belong together.
    """
    for number, (one, two) in enumerate(zip_longest(ones, twos), start=1):
        if one is None or two is None:
            shorter, longer = (first, second) if one is None else (second, first)
            raise InputError(
                f"ends after {number - 1} records, its mates in {longer} go on",
                where=str(shorter),
                remedy="give both files of the pair, whole",
            )
        where = f"{second}, record {number}"
        for mate, path in ((one, first), (two, second)):
            if mate[1]:
                raise InputError(
                    "is one of the mates of an alignment file, which holds both",
                    where=f"{path}, record {number}",
                    remedy="name the file alone, not as one of a pair",
                )
        if number == 1 and _say_the_same_mate(one[0], two[0]):
            raise InputError(
                "says that it is the same mate as the one in the other file "
                f"({one[0].name}; {two[0].name})",
                where=where,
                remedy="give the files of the first and of the second mates",
            )
        _name_mates(one[0], two[0], where)
        yield one[0]
        yield two[0]


def mates_in_turn(
    path: Path, records: Iterator[NumberedRecord]
) -> tuple[Iterator[SequenceRecord], bool]:
    """The records of a file that may hold both mates of each pair, one behind the other.

    It does where the first two have one id and their headers do not say that they are the same
    mate. Then all others must come in such pairs, too.

    Returns:
        The records, and whether they are such mates.

    Raises (while the records are drawn):
        InputError: a record has no mate.
    """
    head = [record for record, _ in islice(records, 2)]
    rest = (record for record, _ in records)
    if len(head) < 2 or not _share_id(*head) or _say_the_same_mate(*head):
        return chain(head, rest), False
    return _named_in_turn(path, chain(head, rest)), True


def _named_in_turn(path: Path, records: Iterator[SequenceRecord]) -> Iterator[SequenceRecord]:
    why = "in this file mates are in turn, as its first two records have one id"
    remedy = "give both mates of every pair, or make the ids of single reads unique"
    before = None
    for number, one in enumerate(records):
        two = next(records, None)
        record_id = _id(one)
        if two is None or not _share_id(one, two) or record_id == before:
            what = (
                f"is {record_id or 'without a name'} for a second pair"
                if record_id == before
                else f"is {record_id or 'without a name'}, whose mate does not follow"
            )
            raise InputError(
                f"{what}; {why}", where=f"{path}, record {2 * number + 1}", remedy=remedy
            )
        _name_mates(one, two, f"{path}, record {2 * number + 2}")
        before = record_id
        yield one
        yield two


def _name_mates(one: SequenceRecord, two: SequenceRecord, where: str) -> None:
    """Put ``/1`` and ``/2`` behind the ids of mates that share one.

    Raises:
        InputError: they are no mates; the second one is ``where``.
    """
    first_id, second_id = _id(one), _id(two)
    if first_id == second_id:
        if first_id:  # one without a name is refused with all the others
            one.name = one.name.replace(first_id, f"{first_id}/1", 1)
            two.name = two.name.replace(second_id, f"{second_id}/2", 1)
    elif not (first_id.endswith(_FIRST_MATE) and second_id == f"{first_id[:-1]}2"):
        raise InputError(
            f"is {second_id or 'without a name'}, its mate in the other file is {first_id}",
            where=where,
            remedy="give both files of the pair, their records in the same order",
        )


def _id(record: SequenceRecord) -> str:
    return " ".join(record.name.split(None, 1)[:1])


def _share_id(one: SequenceRecord, two: SequenceRecord) -> bool:
    return _id(one) == _id(two) != ""


def _say_the_same_mate(one: SequenceRecord, two: SequenceRecord) -> bool:
    first, second = (_ILLUMINA.match(record.name) for record in (one, two))
    return first is not None and second is not None and first[1] == second[1]
