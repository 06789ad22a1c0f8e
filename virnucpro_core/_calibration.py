"""How scores become probabilities: read from a bundle, carried by score files, fitted by training.

Shape letters: ``W`` windows, ``R`` records.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from virnucpro_core._json_object import JsonObject

__all__ = [
    "Calibration",
    "LengthRange",
    "Mixtures",
    "check_adjoining",
    "logit",
    "range_of",
    "score_logit",
    "sigmoid",
]

_METHOD = "platt"
# A softmax in float32 cannot tell a score from 1 that is nearer to it than this.
_LEAST_SCORE = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, slots=True)
class LengthRange:
    """Calibration of the windows of some lengths.

    Attributes:
        min_length: shortest window, in bases.
        max_length: longest window, in bases; None for no end.
        slope: factor of the score's logit; positive.
        intercept: added to it.
        windows: number of windows that both were fitted to.
    """

    min_length: int
    max_length: int | None
    slope: float
    intercept: float
    windows: int


@dataclass(frozen=True, slots=True)
class Mixtures:
    """How far off the share of viruses is estimated, in mixtures of validation windows.

    In each mixture the calibration's prevalence is the true share, and its viruses are of one
    cluster.

    Attributes:
        low: three in four clusters were estimated to be more than this; above 0, at most 1.
        viral_clusters: how many were tried.
    """

    low: float
    viral_clusters: int

    @classmethod
    def take(cls, entry: JsonObject) -> Mixtures:
        """Read the ``mixtures`` of a ``calibration``.

        Raises:
            BundleError: a key is missing, unexpected, of the wrong type or out of its range.
        """
        found = cls(entry.take_number("low"), entry.take("viral_clusters", int))
        entry.finish()
        if not 0 < found.low <= 1:
            raise entry.error(f"{entry.path('low')} must be above 0 and at most 1")
        if found.viral_clusters < 0:
            raise entry.error(f"{entry.path('viral_clusters')} must be at least 0")
        return found


@dataclass(frozen=True, slots=True)
class Calibration:
    """From the virus scores of windows to the evidence for a record.

    The log-odds of a window are ``slope * logit(score) + intercept`` of its length's range (Platt
    1999, "Probabilistic outputs for support vector machines").

    Attributes:
        prevalence: share of viruses among the windows that these log-odds assume, between 0 and 1.
        evidence_exponent: how the windows of a record add up, see `record_evidence`; 0 to 1.
        ranges: ascending and adjoining, from length 1 to no end.
        mixtures: how well a share of viruses is estimated; None where that was not tried.
    """

    prevalence: float
    evidence_exponent: float
    ranges: tuple[LengthRange, ...]
    mixtures: Mixtures | None = None

    @classmethod
    def parse(cls, document: object, where: str) -> Calibration:
        """Read the ``calibration`` of ``bundle.json``.

        Args:
            document: what the JSON parser returned.
            where: the file, for messages.

        Raises:
            BundleError: a key is missing, unexpected, of the wrong type or out of its range.
        """
        entry = JsonObject(document, "calibration", where)
        method = entry.take("method", str)
        if method != _METHOD:
            raise entry.error(f"{entry.path('method')} must be {_METHOD}, not {method}")
        prevalence = entry.take_number("prevalence")
        if not 0 < prevalence < 1:
            raise entry.error(f"{entry.path('prevalence')} must be between 0 and 1")
        exponent = entry.take_number("evidence_exponent")
        if not 0 <= exponent <= 1:
            raise entry.error(f"{entry.path('evidence_exponent')} must be 0 to 1")
        ranges = tuple(_length_range(item) for item in entry.take_objects("ranges"))
        has_mixtures = "mixtures" in entry.names()
        mixtures = Mixtures.take(entry.take_object("mixtures")) if has_mixtures else None
        entry.finish()
        check_adjoining(entry, "ranges", [(r.min_length, r.max_length) for r in ranges])
        return cls(prevalence, exponent, ranges, mixtures)

    def to_json(self) -> dict[str, Any]:
        """The object that `parse` reads."""
        return {
            "method": _METHOD,
            "prevalence": self.prevalence,
            "evidence_exponent": self.evidence_exponent,
            "ranges": [asdict(item) for item in self.ranges],
            **({} if self.mixtures is None else {"mixtures": asdict(self.mixtures)}),
        }

    def window_log_odds(
        self, score: NDArray[np.floating[Any]], length: NDArray[np.integer[Any]]
    ) -> NDArray[np.float64]:
        """float64 [W]: log-odds that a window is viral, at `prevalence`.

        Args:
            score: [W], virus scores from 0 to 1.
            length: [W], in bases, at least 1.
        """
        which = range_of([item.min_length for item in self.ranges], length)
        slope = np.array([item.slope for item in self.ranges])[which]
        intercept = np.array([item.intercept for item in self.ranges])[which]
        log_odds: NDArray[np.float64] = slope * score_logit(score) + intercept
        return log_odds

    def record_evidence(
        self,
        weighted_log_odds: NDArray[np.float64],
        length: NDArray[np.integer[Any]],
        squared_length: NDArray[np.floating[Any]],
    ) -> NDArray[np.float64]:
        """float64 [R]: log likelihood ratio of virus to other, of records by their windows.

        It is the mean over the scored windows, weighted by length, of what each says beyond
        `prevalence`, times ``n_eff ** evidence_exponent``. The effective number of windows
        ``n_eff = sum(w)**2 / sum(w**2)`` (Kish 1965, "Survey Sampling") is n for n windows of a
        length. Neighbouring windows of a genome say partly the same: with exponent 1 they would
        count as independent, with 0 as a single one.

        Args:
            weighted_log_odds: [R], sum of ``w * log_odds`` over the windows of a record.
            length: [R], sum of the window lengths ``w``; 0 where nothing was scored.
            squared_length: [R], sum of ``w**2``.

        Returns:
            NaN where nothing was scored.
        """
        is_scored = length > 0
        evidence = np.full(len(length), np.nan)
        total = length[is_scored].astype(np.float64)
        mean = weighted_log_odds[is_scored] / total
        n_effective = total**2 / squared_length[is_scored]
        evidence[is_scored] = (mean - logit(self.prevalence)) * (
            n_effective**self.evidence_exponent
        )
        return evidence


def check_adjoining(entry: JsonObject, key: str, ranges: Sequence[tuple[int, int | None]]) -> None:
    """See that ranges of length cover all lengths once.

    Args:
        entry: the object that has them under ``key``.
        ranges: shortest and longest length of each, in bases; None for no end.

    Raises:
        BundleError: they do not.
    """
    if not ranges:
        raise entry.error(f"{entry.path(key)} is empty")
    ends = [None if most is None else most + 1 for _, most in ranges]
    is_backward = any(most is not None and most < least for least, most in ranges)
    if [1, *ends] != [*(least for least, _ in ranges), None] or is_backward:
        raise entry.error(
            f"{entry.path(key)} must ascend from length 1 to null, each beginning where the one "
            "before it ends"
        )


def range_of(shortest: Sequence[int], length: ArrayLike) -> NDArray[np.int64]:
    """Which of ranges that `check_adjoining` passed holds each length; int64 [W].

    Args:
        shortest: length of each range, in bases.
        length: [W], in bases; one below 1, of a record without a window, is taken to the first.
    """
    rows: NDArray[np.int64] = np.searchsorted(np.array(shortest), length, side="right") - 1
    return np.maximum(rows, 0)


def logit(probability: float) -> float:
    """Log-odds of a probability between 0 and 1, both excluded."""
    return math.log(probability) - math.log1p(-probability)


def score_logit(score: ArrayLike) -> NDArray[np.float64]:
    """float64: logit of scores from 0 to 1, at most about 15.9 to either side."""
    inside = np.clip(np.asarray(score, dtype=np.float64), _LEAST_SCORE, 1 - _LEAST_SCORE)
    result: NDArray[np.float64] = np.log(inside) - np.log1p(-inside)
    return result


def sigmoid(log_odds: ArrayLike) -> NDArray[np.float64]:
    """float64: probability of any log-odds; the inverse of `logit`."""
    # Never the exponential of a large number, which would overflow.
    result: NDArray[np.float64] = np.exp(-np.logaddexp(0.0, -np.asarray(log_odds, np.float64)))
    return result


def _length_range(entry: JsonObject) -> LengthRange:
    item = LengthRange(
        min_length=entry.take("min_length", int),
        max_length=entry.take_optional_int("max_length"),
        slope=entry.take_number("slope"),
        intercept=entry.take_number("intercept"),
        windows=entry.take("windows", int),
    )
    entry.finish()
    if item.min_length < 1 or (item.max_length is not None and item.max_length < 1):
        raise entry.error(f"{entry.path('min_length')} and max_length must be at least 1")
    if item.slope <= 0:
        raise entry.error(f"{entry.path('slope')} must be above 0, not {item.slope}")
    if item.windows < 0:
        raise entry.error(f"{entry.path('windows')} must be at least 0, not {item.windows}")
    return item
