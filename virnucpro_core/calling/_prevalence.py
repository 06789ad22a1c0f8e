"""The share of viruses that probabilities assume: given, or estimated from the sample.

Shape letters: ``R`` records.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import Calibration, logit, sigmoid
from virnucpro_core.errors import UsageError

__all__ = [
    "LEAST_RECORDS",
    "Prevalence",
    "choose_prevalence",
    "estimate_prevalence",
    "parse_prevalence",
]

LEAST_RECORDS = 200
"""Scored records that an estimate needs."""

LARGEST_ERROR = 0.1
"""Standard error of an estimate that is still used."""

MOST_VIRUSES = 0.9
"""Largest estimate that is still used. Where the cells of a sample look more viral than those that
the calibration was fitted on, the likeliest share is all, and everything would be called virus."""

# Halvings of an interval of log-odds no wider than 60: far below the width of a float64.
_BISECTIONS = 80

Source = Literal["given", "estimated", "calibration"]


@dataclass(frozen=True, slots=True)
class Prevalence:
    """The share of viruses among the scored records of a sample.

    Attributes:
        value: between 0 and 1.
        source: ``"given"`` by the user, ``"estimated"`` from the sample, or that of the
            ``"calibration"`` because the sample does not allow an estimate.
        standard_error: of an estimate; also of one that was not used. None where there is none.
        warning: why there was no estimate, a clause; None where nothing is wrong.
    """

    value: float
    source: Source
    standard_error: float | None = None
    warning: str | None = None

    def __str__(self) -> str:
        error = "" if self.standard_error is None else f", standard error {self.standard_error:.2g}"
        how = {
            "given": "as given",
            "estimated": f"estimated from the sample{error}",
            "calibration": "that of the calibration",
        }
        return f"{self.value:.3g} of the records are taken to be viruses ({how[self.source]})"


def parse_prevalence(text: str) -> float | None:
    """The share that ``text`` names; None for ``auto``.

    Raises:
        UsageError: it is neither ``auto`` nor a number between 0 and 1.
    """
    if text == "auto":
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise UsageError(
            f"the prevalence is '{text}'", remedy="give auto or a number between 0 and 1"
        )
    return value


def choose_prevalence(
    asked: float | None, evidence: NDArray[np.float64], calibration: Calibration
) -> Prevalence:
    """What was asked for, or an estimate where the sample allows one.

    Args:
        asked: between 0 and 1; None to estimate it.
        evidence: float64 [R], of the scored records.
        calibration: its prevalence is taken where there is nothing better.
    """
    if asked is not None:
        return Prevalence(asked, "given")
    fallback = f"the calibration's {calibration.prevalence:g} is assumed"
    if len(evidence) < LEAST_RECORDS:
        return Prevalence(
            calibration.prevalence,
            "calibration",
            warning=f"{len(evidence)} scored records are too few to estimate the share of viruses "
            f"from (at least {LEAST_RECORDS}); {fallback}",
        )
    value, error = estimate_prevalence(evidence)
    if error > LARGEST_ERROR:
        return Prevalence(
            calibration.prevalence,
            "calibration",
            error if math.isfinite(error) else None,
            f"the scores hardly tell the share of viruses (standard error {error:.2f}, at most "
            f"{LARGEST_ERROR}); {fallback}",
        )
    if value > MOST_VIRUSES:
        return Prevalence(
            calibration.prevalence,
            "calibration",
            error,
            f"by its scores {value:.1%} of the sample would be viruses; more than "
            f"{MOST_VIRUSES:.0%} is not believed (--prevalence names a larger share); {fallback}",
        )
    return Prevalence(value, "estimated", error)


def estimate_prevalence(evidence: NDArray[np.float64]) -> tuple[float, float]:
    """The share of viruses that is likeliest for a sample, and its standard error.

    Expectation maximisation (Saerens, Latinne & Decaestecker 2002, "Adjusting the outputs of a
    classifier to new a priori probabilities") repeats ``share = mean(probability at that share)``.
    The likelihood is concave in the share, so there is one fixed point; it is found by halving an
    interval, where the repetition would creep. The error is that of the observed information.

    Args:
        evidence: float64 [R], log likelihood ratios of virus to other; at least one.

    Returns:
        A share at least half a record away from none and from all; the error is infinite where the
        sample says nothing.
    """
    n = len(evidence)
    low, high = logit(0.5 / n) if n > 1 else -1.0, logit(1 - 0.5 / n) if n > 1 else 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        share = float(sigmoid(middle))
        if float(np.mean(sigmoid(evidence + middle))) > share:
            low = middle
        else:
            high = middle
    log_odds = (low + high) / 2
    share = float(sigmoid(log_odds))
    slope = (sigmoid(evidence + log_odds) - share) / (share * (1 - share))
    information = float(np.sum(slope**2))
    return share, 1 / math.sqrt(information) if information > 0 else math.inf
