"""What a bundle gets right, as the numbers of ``evaluation.json``.

Shape letters: ``W`` windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.calling import Calibration, sigmoid
from virnucpro_core.training._accuracy import calibration_error, judge, reliability
from virnucpro_core.training._dataset_tables import LABELS
from virnucpro_core.training._extras import import_extra

__all__ = ["EVALUATION_SCHEMA_VERSION", "JudgedWindows", "evaluate", "length_keys"]

EVALUATION_SCHEMA_VERSION = 1
_BASELINE = "k-mer logistic regression"
_COMMON_SHARE = 0.1
_RANGE_STARTS = (1, 200, 350, 750)
_CURVE_POINTS = 100


@dataclass(frozen=True, slots=True)
class JudgedWindows:
    """``W`` labelled windows and what was said of them.

    Attributes:
        label: int64 [W], 0 others, 1 virus.
        length: int64 [W], in bases.
        genome: W names.
        group: W names of the genomes' groups.
        score: float64 [W], virus score; NaN where a window has no frame.
        baseline: float64 [W], the k-mer model's probability, for every window; None without one.
    """

    label: NDArray[np.int64]
    length: NDArray[np.int64]
    genome: Sequence[str]
    group: Sequence[str]
    score: NDArray[np.float64]
    baseline: NDArray[np.float64] | None = None


def evaluate(windows: JudgedWindows, calibration: Calibration | None) -> dict[str, Any]:
    """All tables and curves of windows that neither fitting nor calibrating has seen.

    A window is called virus at a probability of 0.5 (at a prevalence of 0.5), without a
    calibration at a score of 0.5.
    """
    decisive = _decisive(windows, calibration)
    keys = np.array(length_keys(windows.length))
    by_length: dict[str, Any] = {}
    baseline: dict[str, Any] = {}
    diagrams: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    for key in _ascending(keys):
        rows = np.flatnonzero(keys == key)
        label, score = windows.label[rows], windows.score[rows]
        scorable = ~np.isnan(score)
        accuracy = judge(score, label, None if calibration is None else decisive[rows])
        before = calibration_error(score[scorable], label[scorable])
        by_length[key] = {
            **accuracy.to_json(),
            "uncalibrated_error": None if np.isnan(before) else round(before, 4),
        }
        if len(np.unique(label[scorable])) == 2:
            diagrams[key] = reliability(decisive[rows][scorable], label[scorable])
            curves[key] = {"model": _curves(score[scorable], label[scorable])}
        if windows.baseline is not None:
            probability = windows.baseline[rows]
            baseline[key] = {
                **judge(np.where(scorable, probability, np.nan), label).to_json(),
                "all_windows": judge(probability, label).to_json(),
            }
            if key in curves:
                curves[key][_BASELINE] = _curves(probability[scorable], label[scorable])
    return {
        "decision": "score >= 0.5"
        if calibration is None
        else f"probability >= 0.5 at a prevalence of {calibration.prevalence}",
        "by_window_length": by_length,
        "by_class": {
            LABELS[label]: _called(windows, decisive, windows.label == label)
            for label in np.unique(windows.label).tolist()
        },
        "by_genome": _by_name(windows, decisive, windows.genome, "group", windows.group),
        "by_group": _by_name(windows, decisive, windows.group, "genomes", windows.genome),
        "baseline": {} if windows.baseline is None else {_BASELINE: baseline},
        "reliability": diagrams,
        "curves": curves,
    }


def length_keys(length: NDArray[np.int64]) -> list[str]:
    """The row of the tables that each of W windows is counted in.

    A length that at least a tenth of the windows have is a row of its own (``"500"``); the
    others are taken together in ranges (``"1-199"``, ``"750-"``).
    """
    values, inverse, counts = np.unique(length, return_inverse=True, return_counts=True)
    names = [
        str(value) if count >= _COMMON_SHARE * len(length) else _range_name(value)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True)
    ]
    return [names[number] for number in inverse.tolist()]


def _range_name(length: int) -> str:
    number = int(np.searchsorted(_RANGE_STARTS, length, side="right")) - 1
    last = _RANGE_STARTS[number + 1] - 1 if number + 1 < len(_RANGE_STARTS) else ""
    return f"{_RANGE_STARTS[number]}-{last}"


def _ascending(keys: NDArray[np.str_]) -> list[str]:
    return sorted(np.unique(keys).tolist(), key=lambda key: (int(key.partition("-")[0]), key))


def _decisive(windows: JudgedWindows, calibration: Calibration | None) -> NDArray[np.float64]:
    if calibration is None:
        return windows.score
    probability = np.full(len(windows.score), np.nan)
    scorable = ~np.isnan(windows.score)
    odds = calibration.window_log_odds(windows.score[scorable], windows.length[scorable])
    probability[scorable] = sigmoid(odds)
    return probability


def _called(
    windows: JudgedWindows, decisive: NDArray[np.float64], mine: NDArray[np.bool_]
) -> dict[str, Any]:
    """Counts of some windows of one label or of both."""
    scored = mine & ~np.isnan(decisive)
    right = (decisive[scored] >= 0.5) == (windows.label[scored] == 1)
    return {
        "windows": int(scored.sum()),
        "not_scorable": int(mine.sum() - scored.sum()),
        "accuracy": round(float(right.mean()), 4) if len(right) else None,
        "called_virus": int((decisive[scored] >= 0.5).sum()),
    }


def _by_name(
    windows: JudgedWindows,
    decisive: NDArray[np.float64],
    names: Sequence[str],
    other_key: str,
    others: Sequence[str],
) -> dict[str, Any]:
    """A row for each of the names, with what it belongs to or how many belong to it."""
    result: dict[str, Any] = {}
    column, other_column = np.array(names), np.array(others)
    for name in np.unique(column).tolist():
        mine = column == name
        labels = [LABELS[label] for label in np.unique(windows.label[mine]).tolist()]
        belong = np.unique(other_column[mine]).tolist()
        result[name] = {
            "label": " and ".join(labels),
            other_key: belong[0] if other_key == "group" else len(belong),
            **_called(windows, decisive, mine),
        }
    return result


def _curves(score: NDArray[np.float64], label: NDArray[np.int64]) -> Mapping[str, Any]:
    """ROC and precision-recall curves, thinned to what a plot can show."""
    metrics = import_extra("sklearn.metrics")
    false_rate, true_rate, _ = metrics.roc_curve(label, score)
    precision, recall, _ = metrics.precision_recall_curve(label, score)
    return {"roc": _thinned(false_rate, true_rate), "pr": _thinned(recall, precision)}


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[list[float]]:
    rows = np.unique(np.linspace(0, len(x) - 1, _CURVE_POINTS).round().astype(np.int64))
    return [
        [round(a, 4), round(b, 4)] for a, b in zip(x[rows].tolist(), y[rows].tolist(), strict=True)
    ]
