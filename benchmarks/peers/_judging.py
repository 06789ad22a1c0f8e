"""How well tools answer, over all windows: one without an answer counts, too.

Shape letters: ``W`` windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.peers._scores import Scores
from benchmarks.peers._windows import WindowSet, kind_of, organism_of
from virnucpro_core.training import LABELS, SheetRow, balanced_weights, calibration_error

__all__ = ["PARTITIONS", "Row", "judge_parts", "judge_tiers", "judge_windows"]

Row = dict[str, Any]
"""A row of a table: numbers, words, and None for what cannot be told."""

PARTITIONS: dict[str, Callable[[SheetRow], str]] = {
    "kind": kind_of,
    "group": lambda genome: genome.group,
    "genome": lambda genome: genome.name,
}
"""What windows are told apart by."""

_TIERS = ("high", "medium", "low", "unfamiliar", "not-scorable")


def judge_windows(tool: str, windows: WindowSet, scores: Scores) -> Row:
    """A tool at one length.

    A window without an answer has the lowest score and is no virus. The average precision and the
    calibration error weigh both classes a half; the latter is over the windows that have a
    probability.
    """
    ranked = np.where(np.isnan(scores.score), -np.inf, scores.score)
    order = np.unique(ranked, return_inverse=True)[1]  # the metrics refuse infinity
    weights = balanced_weights(windows.label)
    is_viral = windows.label == 1
    has_probability = ~np.isnan(scores.probability)
    error = calibration_error(scores.probability[has_probability], windows.label[has_probability])
    n = len(windows.ids)
    return {
        "tool": tool,
        "length": windows.length,
        "windows": n,
        "auc": _rounded(roc_auc_score(windows.label, order)),
        "average_precision": _rounded(
            average_precision_score(windows.label, order, sample_weight=weights)
        ),
        "sensitivity": _rounded(scores.is_virus[is_viral].mean()),
        "specificity": _rounded(1 - scores.is_virus[~is_viral].mean()),
        "calibration_error": _rounded(error),
        "no_answer": _rounded(np.isnan(scores.score).mean()),
        "windows_per_second": round(n / scores.seconds, 1)
        if scores.seconds > 0 and not np.isnan(scores.score).all()
        else None,
    }


def judge_tiers(tool: str, windows: WindowSet, scores: Scores) -> Iterator[Row]:
    """Share of the windows in each tier, and how many of its calls are right."""
    tiers = np.array(scores.tier)
    is_right = scores.is_virus == (windows.label == 1)
    for tier in _TIERS if any(scores.tier) else ():
        mine = tiers == tier
        is_scored = tier != "not-scorable" and mine.any()
        yield {
            "tool": tool,
            "length": windows.length,
            "tier": tier,
            "windows": int(mine.sum()),
            "share": _rounded(mine.mean()),
            "right": _rounded(is_right[mine].mean()) if is_scored else None,
        }


def judge_parts(tool: str, windows: WindowSet, scores: Scores, by: str) -> list[Row]:
    """The windows of each kind, group or genome; those that are called rightly the least first.

    No answer is no right one.

    Args:
        by: one of `PARTITIONS`.
    """
    names = np.array([PARTITIONS[by](genome) for genome in windows.genome])
    is_answered = ~np.isnan(scores.score)
    is_right = is_answered & (scores.is_virus == (windows.label == 1))
    rows = []
    for label, name in sorted(set(zip(windows.label.tolist(), names.tolist(), strict=True))):
        mine: NDArray[np.bool_] = (names == name) & (windows.label == label)
        row: Row = {"tool": tool, "length": windows.length, by: name, "label": LABELS[label]}
        if by == "genome":
            genome = windows.genome[int(np.flatnonzero(mine)[0])]
            row |= {
                "organism": organism_of(genome), "group": genome.group, "kind": kind_of(genome)
            }  # fmt: skip
        row |= {
            "windows": int(mine.sum()),
            "right": _rounded(is_right[mine].mean()),
            "called_virus": _rounded(scores.is_virus[mine].mean()),
            "no_answer": _rounded(1 - is_answered[mine].mean()),
        }
        rows.append(row)
    return sorted(rows, key=lambda row: row["right"])


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
