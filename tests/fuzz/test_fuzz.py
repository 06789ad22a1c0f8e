"""Cases as ``make fuzz`` runs them, and whether the fuzzer finds what it is there for."""

from __future__ import annotations

import bz2
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fuzz import reads, run
from tests.fuzz.expected import REFUSED, Expected, Record, expect
from tests.fuzz.reads import Case
from tests.fuzz.workers import run_cases


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "n_cases"), [(0, 300), pytest.param(1, 10_000, marks=pytest.mark.long)]
)
def test_mutated_inputs_end_in_the_right_result_or_in_one_line(seed: int, n_cases: int) -> None:
    outcomes = list(run_cases(seed, range(n_cases), n_workers=2))
    assert sorted(outcome.number for outcome in outcomes) == list(range(n_cases))
    assert [outcome for outcome in outcomes if outcome.wrong] == []
    assert {outcome.code for outcome in outcomes} == {0, 2}


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, Expected], tuple[str, ...]]:
    """What the fuzzer says of a file, given what must become of it."""

    def judged(data: bytes, expected: Expected) -> tuple[str, ...]:
        def make(seed: int, number: int, folder: Path) -> Case:
            path = folder / "reads"
            path.write_bytes(data)
            return reads._case("made", folder, [path], expected)

        monkeypatch.setattr(run, "make_case", make)
        return run.run_case(0, 0).wrong

    return judged


RECORDS = [Record(f"r{number}", "ACGT" * (number + 1), None) for number in range(3)]
FASTA = "".join(f">{record.name}\n{record.sequence}\n" for record in RECORDS).encode()


def test_what_is_lost_or_other_or_refused_without_need_is_found(
    judge: Callable[[bytes, Expected], tuple[str, ...]],
) -> None:
    right = expect(RECORDS)
    assert judge(bz2.compress(FASTA), right) == ()
    (lost,) = judge(FASTA.partition(b">r2")[0], right)
    assert "2 records in the table, 3 expected" in lost
    (other,) = judge(FASTA.replace(b"ACGTACGT", b"ACCTACGT"), right)
    assert "names, sequences or qualities are others" in other
    (refused,) = judge(FASTA + b">r0\nAC\n", right)
    assert "it was refused, and should have been taken" in refused
    (taken,) = judge(FASTA, REFUSED)
    assert "it was taken, and should have been refused" in taken


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (RuntimeError("unexpected"), "a traceback: RuntimeError: unexpected"),
        (1, "exit code 1"),
        (2, "no single line"),
    ],
)
def test_another_end_than_a_result_or_a_line_is_found(
    judge: Callable[[bytes, Expected], tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    end: Exception | int,
    message: str,
) -> None:
    def main(words: list[str]) -> int:
        if isinstance(end, int):
            return end
        raise end

    monkeypatch.setattr(run, "main", main)
    assert message in judge(FASTA, REFUSED)[0]


def _die_at_three(seed: int, number: int) -> run.Outcome:
    if number == 3:
        os._exit(9)
    return run.Outcome(number, "", 0, ())


def test_a_case_that_ends_its_process_is_found_and_the_others_run() -> None:
    outcomes = sorted(run_cases(0, range(60), 2, _die_at_three), key=lambda each: each.number)
    assert [outcome.number for outcome in outcomes] == list(range(60))
    assert [outcome.number for outcome in outcomes if outcome.wrong] == [3]
    assert "ends its process" in outcomes[3].wrong[0]


def test_the_same_number_is_the_same_case(tmp_path: Path) -> None:
    def files(folder: Path) -> Iterator[tuple[str, bytes]]:
        folder.mkdir()
        for number in range(20):
            case = run.make_case(5, number, folder)
            yield (
                case.label.replace(str(folder), ""),
                b"".join(
                    path.read_bytes().replace(bytes(folder), b"")
                    for path in sorted(folder.iterdir())
                    if path.name != "whole"
                ),
            )

    assert list(files(tmp_path / "a")) == list(files(tmp_path / "b"))
