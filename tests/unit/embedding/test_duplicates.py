from __future__ import annotations

import numpy as np
import pytest

from virnucpro_core.embedding import _duplicates as duplicates
from virnucpro_core.store import ByteStrings


def test_every_string_finds_its_first_occurrence() -> None:
    rng = np.random.default_rng(0)
    strings = [b"ACGT"[i : i + 1] * int(n) for i, n in rng.integers(0, 4, (200, 2))]
    unique, occurrence = duplicates.find_unique(ByteStrings.from_iterable(strings))
    assert len({strings[i] for i in unique}) == len(unique) == len(set(strings))
    assert [strings[i] for i in unique[occurrence]] == strings
    assert unique.tolist() == sorted(strings.index(string) for string in set(strings))


def test_case_makes_a_difference_and_so_do_bytes_that_are_no_letters() -> None:
    unique, _ = duplicates.find_unique(ByteStrings.from_iterable([b"MK", b"mk", b"MK\0", b""]))
    assert len(unique) == 4


def test_strings_with_the_same_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "hash", lambda _: 7, raising=False)
    strings = ByteStrings.from_iterable([b"MK", b"MV", b"MK"])
    unique, occurrence = duplicates.find_unique(strings)
    assert unique.tolist() == [0, 1]
    assert occurrence.tolist() == [0, 1, 0]


def test_nothing_has_no_duplicates() -> None:
    unique, occurrence = duplicates.find_unique(ByteStrings.from_iterable([]))
    assert len(unique) == len(occurrence) == 0
