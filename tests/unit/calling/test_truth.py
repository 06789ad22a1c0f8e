"""Calls against the truth: counts that do not flatter."""

from __future__ import annotations

from pathlib import Path

import pytest

from virnucpro_core.calling import Tally, compare_with_truth
from virnucpro_core.errors import InputError

TRUTH = """id\tkind\tlabel\torganism
r1\tread\tvirus\tPhage two
r2\tread\tvirus\tPhage one
r3\tread\tvirus\tPhage one
r4\tread\tvirus\tPhage one
r5\tread\tnon-virus\tHost
r6\tread\tnon-virus\tHost
c1\tcontig\tvirus\tPhage one
c2\tcontig\tnon-virus\tHost
"""
CALLS = {
    "r1": "virus\tlow",
    "r2": "virus\tmedium",
    "r3": "non-virus\tlow",
    "r4": "not-scorable\tnot-scorable",
    "r5": "virus\thigh",
    "r6": "non-virus\tmedium",
    "c1": "virus\thigh",
    "c2": "virus\tlow",
}


def write(folder: Path, calls: dict[str, str], truth: str = TRUTH) -> tuple[Path, Path]:
    sequences = folder / "sequences.tsv"
    rows = "".join(f"{name}\t300\t{call}\n" for name, call in calls.items())
    sequences.write_text(f"id\tlength\tcall\ttier\n{rows}")
    (folder / "truth.tsv").write_text(truth)
    return sequences, folder / "truth.tsv"


def test_counts_by_class_kind_and_organism(tmp_path: Path) -> None:
    result = compare_with_truth(*write(tmp_path, CALLS))
    assert result.overall == Tally(4, 3, 1, sure_right=3, sure_wrong=1)
    assert result.by_label == {
        "virus": Tally(3, 1, 1, sure_right=2),
        "non-virus": Tally(1, 2, 0, sure_right=1, sure_wrong=1),
    }
    assert list(result.by_organism.items()) == [
        (("read", "virus", "Phage one"), Tally(1, 1, 1, sure_right=1)),
        (("read", "virus", "Phage two"), Tally(1, 0, 0)),
        (("read", "non-virus", "Host"), Tally(1, 1, 0, sure_right=1, sure_wrong=1)),
        (("contig", "virus", "Phage one"), Tally(1, 0, 0, sure_right=1)),
        (("contig", "non-virus", "Host"), Tally(0, 1, 0)),
    ]


def test_a_record_that_is_not_scorable_counts_as_a_miss(tmp_path: Path) -> None:
    result = compare_with_truth(*write(tmp_path, CALLS))
    assert result.overall.accuracy == 4 / 8
    assert result.by_label["virus"].accuracy == 3 / 5


def test_the_printed_table(tmp_path: Path) -> None:
    lines = str(compare_with_truth(*write(tmp_path, CALLS))).splitlines()
    assert lines == [
        "what it is     records  right  sure  wrong  sure  no answer  right %",
        "reads",
        "  virus              4      2     1      1     0          1     50.0",
        "    Phage one        3      1     1      1     0          1     33.3",
        "    Phage two        1      1     0      0     0          0    100.0",
        "  non-virus          2      1     1      1     1          0     50.0",
        "    Host             2      1     1      1     1          0     50.0",
        "contigs",
        "  virus              1      1     1      0     0          0    100.0",
        "    Phage one        1      1     1      0     0          0    100.0",
        "  non-virus          1      0     0      1     0          0      0.0",
        "    Host             1      0     0      1     0          0      0.0",
        "all records          8      4     3      3     1          1     50.0",
        "",
        "4 of 8 records are called right (50.0%), 3 wrong, 1 without an answer (counted as "
        "misses; the report says why).",
        "Viruses found with confidence (sure: in tier high or medium): 2 of 5 viral records.",
        "Called virus with confidence, but are none: 1 of 3 other records.",
    ]


def test_a_model_without_calibration_says_nothing_of_confidence(tmp_path: Path) -> None:
    calls = {name: f"{call.split()[0]}\tNA" for name, call in CALLS.items()}
    lines = str(compare_with_truth(*write(tmp_path, calls))).splitlines()
    assert lines[0] == "what it is     records  right  wrong  no answer  right %"
    assert lines[-1].startswith("4 of 8 records are called right")


def test_records_of_no_kind_are_one_group(tmp_path: Path) -> None:
    rows = [line.split("\t") for line in TRUTH.splitlines()]
    truth = "".join("\t".join((row[0], *row[2:])) + "\n" for row in rows)
    lines = str(compare_with_truth(*write(tmp_path, CALLS, truth))).splitlines()
    assert [line for line in lines if not line.startswith(" ")][1] == "records"
    assert sum("Phage one" in line for line in lines) == 1


def test_no_reads_at_all(tmp_path: Path) -> None:
    header = TRUTH.splitlines()[0] + "\n"
    lines = str(compare_with_truth(*write(tmp_path, {}, header))).splitlines()
    assert lines[1].split() == ["all", "records", "0", "0", "0", "0", "nan"]
    assert lines[3].startswith("0 of 0 records are called right (nan%)")


def test_a_record_without_a_label(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label for r7"):
        compare_with_truth(*write(tmp_path, {**CALLS, "r7": "virus\tlow"}))


def test_a_label_without_a_record(tmp_path: Path) -> None:
    calls = {name: call for name, call in CALLS.items() if name != "r3"}
    with pytest.raises(InputError, match="no call for r3; 1 labelled"):
        compare_with_truth(*write(tmp_path, calls))


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("r2\tread\tvirus", "r2\tread\tViral", "labels r2 'Viral'"),
        ("label\t", "truth\t", "no column label"),
        ("\tHost\n", "\n", "line 6: has too few fields"),
        ("r3\t", "r2\t", "line 4: has a label for r2 already; keep one row"),
    ],
)
def test_a_truth_table_that_is_none(tmp_path: Path, old: str, new: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        compare_with_truth(*write(tmp_path, CALLS, TRUTH.replace(old, new, 1)))


def test_an_unknown_call(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="calls r1 'maybe'"):
        compare_with_truth(*write(tmp_path, {**CALLS, "r1": "maybe\tlow"}))


def test_a_missing_table(tmp_path: Path) -> None:
    sequences, truth = write(tmp_path, CALLS)
    truth.unlink()
    with pytest.raises(InputError, match=r"truth\.tsv: cannot be read"):
        compare_with_truth(sequences, truth)
