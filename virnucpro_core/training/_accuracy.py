"""How well windows are called.

Shape letters: ``W`` windows.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.training._extras import import_extra

__all__ = ["Accuracy", "balanced_weights", "calibration_error", "judge", "reliability"]

_BINS = 10


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well windows were called. A share is NaN where there is nothing to divide by.

    Attributes:
        windows: windows that could be scored.
        not_scorable: windows without a frame; they count neither as right nor as wrong,
            except in ``viral_found``.
        accuracy: share of ``windows`` that were called rightly.
        balanced_accuracy: mean of sensitivity and specificity.
        sensitivity: share of scored viral windows that were called virus.
        specificity: share of scored other windows that were called non-virus.
        viral_found: share of all viral windows, scorable or not, that were called virus.
        auc: area under the ROC curve: probability that a viral window scores higher than another.
        average_precision: area under the precision-recall curve, at the share of viruses among
            ``windows``.
        calibration_error: expected calibration error, see `calibration_error`.
    """

    windows: int
    not_scorable: int
    accuracy: float
    balanced_accuracy: float
    sensitivity: float
    specificity: float
    viral_found: float
    auc: float
    average_precision: float
    calibration_error: float

    def to_json(self) -> dict[str, int | float | None]:
        """Rounded to four decimals; None for NaN, which JSON lacks."""
        return {
            key: None if math.isnan(value) else round(value, 4)
            for key, value in asdict(self).items()
        }


def judge(
    scores: NDArray[np.float64],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64] | None = None,
) -> Accuracy:
    """Compare windows with their labels. At 0.5 a window is called virus.

    Args:
        scores: float64 [W], NaN where a window could not be scored.
        labels: int64 [W], 0 others, 1 virus.
        probabilities: float64 [W], calibrated; they then decide in place of the scores.
    """
    metrics = import_extra("sklearn.metrics")
    scorable = ~np.isnan(scores)
    n_viral = int((labels == 1).sum())
    decisive = (scores if probabilities is None else probabilities)[scorable]
    scores, labels = scores[scorable], labels[scorable]
    called = decisive >= 0.5
    viral = labels == 1
    both = viral.any() and not viral.all()
    sensitivity, specificity = _mean(called[viral]), _mean(~called[~viral])
    return Accuracy(
        windows=len(scores),
        not_scorable=int((~scorable).sum()),
        accuracy=_mean(called == viral),
        balanced_accuracy=(sensitivity + specificity) / 2,
        sensitivity=sensitivity,
        specificity=specificity,
        viral_found=int(called[viral].sum()) / n_viral if n_viral else math.nan,
        auc=float(metrics.roc_auc_score(labels, scores)) if both else math.nan,
        average_precision=float(metrics.average_precision_score(labels, scores))
        if both
        else math.nan,
        calibration_error=calibration_error(decisive, labels),
    )


def balanced_weights(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64 [W]: weights under which both classes weigh a half, together 1."""
    counts = np.bincount(labels, minlength=2)
    weights: NDArray[np.float64] = 0.5 / counts[labels]
    return weights


def reliability(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """What became of windows of like probability, in ten bins of equal width; empty ones left out.

    Both classes weigh a half, as the prevalence that the probabilities assume.

    Args:
        probabilities: float64 [W], without NaN.
        labels: int64 [W].

    Returns:
        For each bin its mean probability, its share of viruses and its number of windows.
    """
    weights = balanced_weights(labels)
    bins = np.minimum((probabilities * _BINS).astype(np.int64), _BINS - 1)
    result = []
    for number in np.unique(bins).tolist():
        mine = bins == number
        result.append(
            {
                "mean_probability": round(
                    float(np.average(probabilities[mine], weights=weights[mine])), 4
                ),
                "share_virus": round(float(np.average(labels[mine], weights=weights[mine])), 4),
                "windows": int(mine.sum()),
            }
        )
    return result


def calibration_error(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Expected calibration error (Naeini et al. 2015), classes weighing a half each.

    The mean distance between probability and share of viruses in the bins of `reliability`; NaN
    unless there are windows of both classes.
    """
    if len(np.unique(labels)) < 2:
        return math.nan
    weights = balanced_weights(labels)
    bins = np.minimum((probabilities * _BINS).astype(np.int64), _BINS - 1)
    distance = np.bincount(bins, weights=weights * (probabilities - labels), minlength=_BINS)
    return float(np.abs(distance).sum())


def _mean(right: NDArray[np.bool_]) -> float:
    return float(right.mean()) if len(right) else math.nan
