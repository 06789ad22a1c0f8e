from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers._judging import judge_parts, judge_tiers, judge_windows
from benchmarks.peers._scores import Scores
from benchmarks.peers._windows import WindowSet
from virnucpro_core.training import SheetRow

NAN = float("nan")


def genome(name: str, label: int, kind: str) -> SheetRow:
    return SheetRow(name, f"{name}.fa", Path(f"{name}.fa"), label, f"{name}idae", None, "here",
                    {"kind": kind, "organism": name.upper()})  # fmt: skip


@pytest.fixture
def windows() -> WindowSet:
    """Two windows of each of two viruses and of a cell."""
    genomes = [genome("a", 1, "phage"), genome("b", 1, "RNA virus"), genome("c", 0, "human")]
    rows = [each for each in genomes for _ in range(2)]
    label = np.array([row.label for row in rows])
    return WindowSet(300, Path("300.fasta"), "0", [f"w{i}" for i in range(6)], rows, label)


@pytest.fixture
def scores() -> Scores:
    return Scores(
        score=np.array([0.9, 0.4, 0.2, NAN, 0.3, NAN]),
        probability=np.array([0.9, 0.4, 0.2, NAN, 0.3, NAN]),
        is_virus=np.array([True, False, False, False, False, False]),
        tier=["high", "low", "low", "not-scorable", "low", "not-scorable"],
        seconds=2.0,
    )


def test_no_answer_counts_as_the_lowest_score_and_as_no_virus(
    windows: WindowSet, scores: Scores
) -> None:
    row = judge_windows("tool", windows, scores)
    # Of 8 pairs of virus and cell: .9 and .4 win both, .2 loses to .3 and beats no answer, and no
    # answer loses to .3 and ties with no answer.
    assert row["auc"] == pytest.approx((2 + 2 + 1 + 0.5) / 8, abs=1e-4)
    assert row["sensitivity"] == 0.25
    assert row["specificity"] == 1
    assert row["no_answer"] == pytest.approx(2 / 6, abs=1e-4)
    assert row["windows_per_second"] == 3


def test_the_calibration_error_is_over_windows_with_a_probability(
    windows: WindowSet, scores: Scores
) -> None:
    row = judge_windows("tool", windows, scores)
    # Viruses weigh 1/6 each, the cell 1/2; each probability is in a bin of its own.
    assert row["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.8) / 6 + 0.3 / 2, abs=1e-4)


def test_tiers_have_shares_of_all_windows(windows: WindowSet, scores: Scores) -> None:
    rows = {row["tier"]: row for row in judge_tiers("tool", windows, scores)}
    assert {tier: row["windows"] for tier, row in rows.items()} == {
        "high": 1, "medium": 0, "low": 3, "unfamiliar": 0, "not-scorable": 2,
    }  # fmt: skip
    assert rows["high"]["right"] == 1
    assert rows["low"]["right"] == pytest.approx(1 / 3, abs=1e-4)
    assert rows["medium"]["right"] is None


def test_a_tool_without_tiers_has_none(windows: WindowSet, scores: Scores) -> None:
    bare = Scores(scores.score, scores.probability, scores.is_virus, [""] * 6, 1.0)
    assert not list(judge_tiers("tool", windows, bare))


def test_genomes_come_worst_first_and_no_answer_is_not_right(
    windows: WindowSet, scores: Scores
) -> None:
    rows = judge_parts("tool", windows, scores, "genome")
    assert [(row["genome"], row["right"], row["no_answer"]) for row in rows] == [
        ("b", 0, 0.5), ("c", 0.5, 0.5), ("a", 0.5, 0),
    ]  # fmt: skip
    assert rows[0]["kind"] == "RNA virus"
    assert rows[0]["organism"] == "B"
