"""Which windows hold enough sequence to be scored."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tests.unit.sequences import reference
from virnucpro_core.sequences import PrepareSettings, Stretch, prepare, window_information
from virnucpro_core.store import Information, RecordTable, read_shard

ORDINARY = "".join(random.Random(1).choices("ACGT", k=150))
UNKNOWN, LOW = Information.UNKNOWN_BASES, Information.LOW_COMPLEXITY


def information(letters: str) -> Information:
    stretch = Stretch.of(letters.encode())
    (found,) = window_information(stretch, np.array([0]), np.array([len(letters)]))
    return Information(found)


def with_tail(letter: str, n: int) -> str:
    return ORDINARY[: 150 - n] + letter * n


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("N" * 150, UNKNOWN),
        ("n" * 10, UNKNOWN),
        ("RYSWKMBDHVN" * 14, UNKNOWN),
        *((with_tail("N", n), UNKNOWN) for n in (10, 20, 30, 50)),
        (with_tail("N", 50)[::-1], UNKNOWN),
        (ORDINARY[:60] + "N" * 20 + ORDINARY[80:], UNKNOWN),
        (ORDINARY.replace("A", "R"), UNKNOWN),
        *((letter * 150, LOW) for letter in "ACGTUg"),
        *((repeat * 30, LOW) for repeat in ("AT", "AC", "GA", "CAG", "GATA", "TTAGGG", "TTTAGGG")),
        *((with_tail("G", n), LOW) for n in (10, 20, 30, 50)),
        *((with_tail(letter, n), LOW) for letter in "ATat" for n in (20, 30, 50)),
        (with_tail("G", 12)[::-1], LOW),
        ("A" * 10, LOW),
    ],
)
def test_letters_that_tell_nothing(letters: str, expected: Information) -> None:
    assert information(letters) is expected


@pytest.mark.parametrize(
    "letters",
    [
        ORDINARY,
        ORDINARY.lower(),
        ORDINARY.replace("T", "U"),
        with_tail("N", 7),
        with_tail("G", 7),
        with_tail("A", 15),
        ORDINARY[:50] + "AT" * 20 + ORDINARY[90:],
        # A gene of a bacterium with two thirds of A and T.
        "".join(random.Random(2).choices("ATCG", [3, 3, 1, 1], k=500)),
        "ACG",
        "A",
    ],
)
def test_ordinary_sequence_is_kept(letters: str) -> None:
    assert information(letters) is Information.ENOUGH


def patchwork(rng: random.Random, n_bases: int) -> str:
    """Runs, repeats, gaps and ordinary sequence, in upper and lower case."""
    letters = ""
    while len(letters) < n_bases:
        letters += rng.choice(
            [
                rng.choice("ACGT") * rng.randint(1, 60),
                "AT" * rng.randint(1, 30),
                "cag" * rng.randint(1, 30),
                "N" * rng.randint(1, 9),
                "".join(rng.choices("ACGTr", [9, 9, 9, 9, 0.2], k=rng.randint(1, 200))),
            ]
        )
    return letters


def test_a_window_is_judged_as_if_it_were_alone_and_like_its_reverse_complement() -> None:
    rng = random.Random(3)
    letters = patchwork(rng, 20_000)
    start = np.arange(0, len(letters) - 200, 37)
    length = np.array([rng.randint(1, 200) for _ in start])
    found = window_information(Stretch.of(letters.encode()), start, length)
    complement = str.maketrans("ACGTNacgtr", "TGCANtgcay")
    for first, n, number in zip(start.tolist(), length.tolist(), found.tolist(), strict=True):
        window = letters[first : first + n]
        assert (Information(number).reason or "enough") == reference.information(window)
        assert information(window.translate(complement)[::-1]) == number
    assert np.bincount(found).min() > 50


def test_they_have_no_frames_and_the_record_table_counts_them(tmp_path: Path) -> None:
    records = [
        ("gap", "N" * 150),
        ("mixed", ORDINARY[:60] + "N" * 60 + "A" * 60 + ORDINARY[60:120]),
        ("fine", ORDINARY),
        ("empty", ""),
    ]
    reads = tmp_path / "in.fa"
    reads.write_text("".join(f">{name}\n{letters}\n" for name, letters in records))
    summary = prepare(reads, tmp_path, PrepareSettings("s", 60, 1_000))
    (rows,) = RecordTable.open(tmp_path / "s.records.h5").blocks()
    assert rows.n_chunks.tolist() == [3, 4, 3, 0]
    assert rows.n_unknown.tolist() == [3, 1, 0, 0]
    assert rows.n_low_complexity.tolist() == [0, 1, 0, 0]
    assert (summary.n_chunks, summary.n_uninformative) == (10, 5)
    frames = read_shard(summary.shards[0]).frame_ids()
    assert {frame.split("_chunk_")[0] for frame in frames} <= {"mixed", "fine"}
    assert not {frame[:13] for frame in frames} & {"mixed_chunk_2", "mixed_chunk_3"}


def test_a_sample_of_nothing_else_has_no_shard(tmp_path: Path) -> None:
    reads = tmp_path / "in.fa"
    reads.write_text(f">a\n{'N' * 500}\n>b\n{'G' * 150}\n")
    summary = prepare(reads, tmp_path, PrepareSettings("s", 60, 1_000))
    assert (summary.shards, summary.n_frames, summary.n_uninformative) == ([], 0, 12)
