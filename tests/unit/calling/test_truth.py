"""Calls against the truth: counts that do not flatter."""

from __future__ import annotations

from pathlib import Path

import pytest

from virnucpro_core.calling import Tally, compare_with_truth
from virnucpro_core.errors import InputError

TRUTH = """id\tlabel\taccession\torganism
r1\tvirus\tV2\tPhage two
r2\tvirus\tV1\tPhage one
r3\tvirus\tV1\tPhage one
r4\tvirus\tV1\tPhage one
r5\tnon-virus\tC1\tHost
r6\tnon-virus\tC1\tHost
"""
CALLS = {
    "r1": "virus",
    "r2": "virus",
    "r3": "non-virus",
    "r4": "not-scorable",
    "r5": "virus",
    "r6": "non-virus",
}


def write(folder: Path, calls: dict[str, str], truth: str = TRUTH) -> tuple[Path, Path]:
    sequences = folder / "sequences.tsv"
    rows = "".join(f"{name}\t300\t{call}\n" for name, call in calls.items())
    sequences.write_text(f"id\tlength\tcall\n{rows}")
    (folder / "truth.tsv").write_text(truth)
    return sequences, folder / "truth.tsv"


def test_counts_by_class_and_genome(tmp_path: Path) -> None:
    result = compare_with_truth(*write(tmp_path, CALLS))
    assert result.overall == Tally(right=3, wrong=2, not_scorable=1)
    assert result.by_label == {"virus": Tally(2, 1, 1), "non-virus": Tally(1, 1, 0)}
    assert list(result.by_genome.items()) == [
        (("virus", "V1", "Phage one"), Tally(1, 1, 1)),
        (("virus", "V2", "Phage two"), Tally(1, 0, 0)),
        (("non-virus", "C1", "Host"), Tally(1, 1, 0)),
    ]


def test_a_record_that_is_not_scorable_counts_as_a_miss(tmp_path: Path) -> None:
    result = compare_with_truth(*write(tmp_path, CALLS))
    assert result.overall.accuracy == 3 / 6
    assert result.by_label["virus"].accuracy == 2 / 4


def test_the_printed_table(tmp_path: Path) -> None:
    lines = str(compare_with_truth(*write(tmp_path, CALLS))).splitlines()
    assert lines == [
        "3 of 6 reads are called right (50.0%); 2 wrong, 1 not scorable (counted as misses)",
        "of the 5 that could be scored, 60.0% are right",
        "truth           reads  right  wrong  not scorable  right %",
        "all                 6      3      2             1     50.0",
        "virus               4      2      1             1     50.0",
        "non-virus           2      1      1             0     50.0",
        "  V1 Phage one      3      1      1             1     33.3",
        "  V2 Phage two      1      1      0             0    100.0",
        "  C1 Host           2      1      1             0     50.0",
    ]


def test_no_reads_at_all(tmp_path: Path) -> None:
    header = TRUTH.splitlines()[0] + "\n"
    lines = str(compare_with_truth(*write(tmp_path, {}, header))).splitlines()
    assert lines[0].startswith("0 of 0 reads are called right (nan%)")
    assert lines[2].split() == ["all", "0", "0", "0", "0", "nan"]


def test_a_record_without_a_label(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label for r7"):
        compare_with_truth(*write(tmp_path, {**CALLS, "r7": "virus"}))


def test_a_label_without_a_record(tmp_path: Path) -> None:
    calls = {name: call for name, call in CALLS.items() if name != "r3"}
    with pytest.raises(InputError, match="no call for r3; 1 labelled"):
        compare_with_truth(*write(tmp_path, calls))


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("r2\tvirus", "r2\tViral", "labels r2 'Viral'"),
        ("label\t", "truth\t", "no column label"),
        ("\tC1\tHost\n", "\n", "line 6: has too few fields"),
        ("r3\t", "r2\t", "line 4: has a label for r2 already; keep one row"),
    ],
)
def test_a_truth_table_that_is_none(tmp_path: Path, old: str, new: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        compare_with_truth(*write(tmp_path, CALLS, TRUTH.replace(old, new, 1)))


def test_an_unknown_call(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="calls r1 'maybe'"):
        compare_with_truth(*write(tmp_path, {**CALLS, "r1": "maybe"}))


def test_a_missing_table(tmp_path: Path) -> None:
    sequences, truth = write(tmp_path, CALLS)
    truth.unlink()
    with pytest.raises(InputError, match=r"truth\.tsv: cannot be read"):
        compare_with_truth(sequences, truth)
