"""The share of viruses that probabilities assume: given, or estimated from the sample.

Shape letters: ``R`` records.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import Calibration, Mixtures, logit, sigmoid
from virnucpro_core.errors import UsageError

__all__ = [
    "Prevalence",
    "ShareEstimate",
    "choose_prevalence",
    "estimate_share",
    "likeliest_share",
    "parse_prevalence",
]

UNKNOWN_MIXTURES = Mixtures(low=0.25, viral_clusters=0)
"""For calibrations that do not say how well a share is estimated: what the demo model does with
families that it was not trained on (a quarter of 227, in reads of 150 bases)."""

_FALL = 1.92
"""How far the log likelihood may fall below its maximum within an interval of 95 %: half the 0.95
quantile of chi-squared with one degree of freedom (Wilks 1938)."""

# Halvings of an interval of log-odds no wider than 60: to less than 1e-9.
_BISECTIONS = 36
# Evidence is counted in steps of a hundredth, so that millions of records cost little more.
_DECIMALS = 2

Source = Literal["given", "estimated", "calibration"]


@dataclass(frozen=True, slots=True)
class ShareEstimate:
    """How many of the scored records are viruses, by their scores.

    There is no lower bound: cells that are like nothing in training can look viral altogether.

    Attributes:
        share: the likeliest, if viruses and others score as those of the calibration do.
        at_most: the upper end of the 95 % interval of ``share``, raised by as much as viruses were
            underestimated that are unlike those of the calibration (see `Mixtures`).
    """

    share: float
    at_most: float


@dataclass(frozen=True, slots=True)
class Prevalence:
    """The share of viruses among the scored records of a sample.

    Attributes:
        value: between 0 and 1, what probabilities assume.
        source: ``"given"`` by the user, ``"estimated"`` from the sample, or that of the
            ``"calibration"`` because the sample does not allow a smaller one.
        estimate: by the sample; None where the share was given, or nothing was scored.
        warning: why the estimate was not taken, a clause; None where nothing is wrong.
    """

    value: float
    source: Source
    estimate: ShareEstimate | None = None
    warning: str | None = None

    def __str__(self) -> str:
        how = {
            "given": "as given",
            "estimated": "the most that the sample allows",
            "calibration": "that of the calibration",
        }[self.source]
        text = f"{self.value:.3g} of the records are taken to be viruses ({how}"
        if self.estimate is None:
            return f"{text})"
        return (
            f"{text}; by the scores {self.estimate.share:.3g} is the likeliest share, and up to "
            f"{self.estimate.at_most:.3g} is possible)"
        )


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
    """What was asked for, or the largest share that the sample allows, up to the calibration's.

    Assumed log-odds that are nearer to those of the true share make calls better: log loss is
    convex in them, and least about there. Between the true share and the calibration's no share is
    worse than the calibration's; so the upper end of what the sample allows is safe, and a share
    beyond it is not. A share above the calibration's is never assumed: a sample of cells unlike
    those of the calibration is estimated to be mostly viruses, just as one of viruses is, and to
    believe it calls everything a virus.

    Args:
        asked: between 0 and 1; None to estimate it.
        evidence: float64 [R], of the scored records.
        calibration: its prevalence is taken where there is nothing better.
    """
    if asked is not None:
        return Prevalence(asked, "given")
    assumed = calibration.prevalence
    if not len(evidence):
        return Prevalence(
            assumed,
            "calibration",
            warning=f"no record was scored; a share of {assumed:g} is assumed",
        )
    estimate = estimate_share(evidence, calibration)
    if estimate.at_most >= assumed:
        return Prevalence(
            assumed,
            "calibration",
            estimate,
            "how many of the records are viruses is not known: by their scores "
            f"{estimate.share:.2g} is the likeliest share, but up to {estimate.at_most:.2g} is "
            "possible, and cells unlike any in the model's training can look viral; "
            f"{assumed:g} is assumed, as in the calibration (--prevalence names another)",
        )
    return Prevalence(estimate.at_most, "estimated", estimate)


def estimate_share(evidence: NDArray[np.float64], calibration: Calibration) -> ShareEstimate:
    """The share of viruses of a sample.

    Args:
        evidence: float64 [R], log likelihood ratios of virus to other; at least one.
        calibration: says how far shares of mixtures of known composition were misjudged.
    """
    share, most = likeliest_share(evidence)
    # Viruses of which a part looks cellular count in a mixture by the other part.
    seen = min((calibration.mixtures or UNKNOWN_MIXTURES).low / calibration.prevalence, 1.0)
    return ShareEstimate(share, min(most / seen, 1.0))


def likeliest_share(
    evidence: NDArray[np.float64], weight: NDArray[np.float64] | None = None
) -> tuple[float, float]:
    """The share of viruses that is likeliest for a sample, and the upper end of its 95 % interval.

    Expectation maximisation on calibrated probabilities (Saerens, Latinne & Decaestecker 2002,
    "Adjusting the outputs of a classifier to new a priori probabilities"; Alexandari, Kundaje &
    Shrikumar 2020, "Maximum likelihood with bias-corrected calibration is hard-to-beat at label
    shift adaptation") repeats ``share = mean(probability at that share)``. The likelihood is
    concave in the share, so there is one fixed point; it is found by halving an interval, where
    the repetition would creep. The interval is that of the profile likelihood.

    Args:
        evidence: float64 [R], log likelihood ratios of virus to other; at least one.
        weight: float64 [R], how many records each stands for; None for one.

    Returns:
        A share at least half a record away from none and from all, and one above it.
    """
    values, inverse = np.unique(np.round(evidence, _DECIMALS), return_inverse=True)
    count = np.bincount(inverse, weight)
    n = float(count.sum())
    bound = logit(1 - 0.5 / n) if n > 1 else 1.0

    def excess(log_odds: float) -> float:
        found = float(count @ sigmoid(values + log_odds)) / n
        return found - float(sigmoid(log_odds))

    def likelihood(log_odds: float) -> float:
        # Of each record relative to that of an other: log(1 - p + p * exp(evidence)).
        return float(count @ (np.logaddexp(0, values + log_odds) - np.logaddexp(0, log_odds)))

    best = _halve(-bound, bound, lambda x: excess(x) > 0)
    enough = likelihood(best) - _FALL
    last = _halve(best, 2 * bound + 1, lambda x: likelihood(x) >= enough)
    return float(sigmoid(best)), float(sigmoid(last))


def _halve(low: float, high: float, is_above: Callable[[float], bool]) -> float:
    """Where ``is_above`` turns from true to false."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if is_above(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2
