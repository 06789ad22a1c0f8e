"""Fitting how scores become probabilities, on validation windows.

Shape letters: ``W`` windows, ``C`` contigs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.calling import (
    Calibration,
    LengthRange,
    Mixtures,
    likeliest_share,
    logit,
    score_logit,
    sigmoid,
)
from virnucpro_core.training._accuracy import balanced_weights
from virnucpro_core.training._extras import import_extra

__all__ = ["ScoredWindows", "fit_calibration"]

_RANGE_STARTS = (1, 200, 350, 750)
"""Where ranges of length begin: reads of a short run, of a long one, windows of 500, contigs."""

_LEAST_WINDOWS = 100
"""Of each class in a range. With fewer, a range joins the shorter one; the first joins the next."""

_PRIOR_WINDOWS = 4.0
"""How many windows' worth of evidence slope 1 and intercept 0 have: a set that is told apart
perfectly would otherwise have an infinite slope."""

_CONTIG_WINDOWS = (2, 4, 8, 16)
_LEAST_CONTIGS = 20
_LEAST_GENOMES = 3
"""Of each class, with several windows: how much genomes differ cannot be learnt from one."""

_LEAST_CLUSTERS = 8
"""Of viruses, with windows enough: of fewer, what a quarter is like cannot be said."""

_LEAST_MIXED = 20
"""Windows of a cluster, in a range of length."""

_UNLIKE = 0.25
"""Share of viral clusters that may be further off than a calibration allows for. A smaller one lets
samples of few viruses be estimated less often."""


@dataclass(frozen=True, slots=True)
class ScoredWindows:
    """``W`` windows that could be scored.

    Attributes:
        score: float64 [W], virus score.
        label: int64 [W], 0 others, 1 virus.
        length: int64 [W], in bases.
        genome: W names.
        start: int64 [W], place in the genome.
        cluster: W names of clusters of kin.
    """

    score: NDArray[np.float64]
    label: NDArray[np.int64]
    length: NDArray[np.int64]
    genome: Sequence[str]
    start: NDArray[np.int64]
    cluster: Sequence[str]

    def __len__(self) -> int:
        return len(self.score)


def fit_calibration(windows: ScoredWindows, log: Callable[[str], None]) -> Calibration | None:
    """Fit Platt's line for every range of length, and the exponent of the evidence.

    Both classes weigh a half, whatever the windows' shares are, so the odds assume a prevalence of
    a half. The exponent is fitted on runs of windows of one genome, as if each were a contig. How
    well a share of viruses can be estimated is tried on mixtures of the windows.

    Returns:
        None when there are too few windows of a class to calibrate anything.
    """
    ranges = []
    for least, most in _ranges(windows):
        mine = (windows.length >= least) & (windows.length <= (most or np.inf))
        slope, intercept = _fit_platt(windows.score[mine], windows.label[mine])
        n_windows = int(mine.sum())
        ranges.append(LengthRange(least, most, slope, intercept, n_windows))
        log(
            f"calibration, {least} to {most or 'any'} nt: slope {slope:.3f}, "
            f"intercept {intercept:.3f} on {n_windows} windows"
        )
    if not ranges:
        log("calibration: too few validation windows; probabilities will not be given")
        return None
    plain = Calibration(prevalence=0.5, evidence_exponent=0.0, ranges=tuple(ranges))
    exponent = _fit_exponent(windows, plain)
    log(f"calibration: evidence exponent {exponent:.2f}")
    return replace(plain, evidence_exponent=exponent, mixtures=_try_mixtures(windows, plain, log))


def _ranges(windows: ScoredWindows) -> list[tuple[int, int | None]]:
    """First and last length of the ranges that have windows enough, adjoining, from 1 on."""
    starts: list[int] = []
    for start in reversed(_RANGE_STARTS):
        stop = starts[0] if starts else np.inf
        mine = windows.label[(windows.length >= start) & (windows.length < stop)]
        if np.bincount(mine, minlength=2).min() >= _LEAST_WINDOWS:
            starts.insert(0, start)
    if not starts:
        enough = np.bincount(windows.label, minlength=2).min() >= _LEAST_WINDOWS
        return [(1, None)] if enough else []
    starts[0] = 1  # what is left below joins the shortest range
    stops = [start - 1 for start in starts[1:]]
    return list(zip(starts, [*stops, None], strict=True))


def _fit_platt(score: NDArray[np.float64], label: NDArray[np.int64]) -> tuple[float, float]:
    """Slope and intercept (Platt 1999) of greatest likelihood, drawn a little towards 1 and 0."""
    minimize = import_extra("scipy.optimize").minimize
    x = score_logit(score)
    weights = balanced_weights(label) * len(label)
    sign = 2.0 * label - 1

    def cost(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (line[0] * x + line[1])
        away = line - (1, 0)
        # d/dz of log(1 + exp(-z)) is -1 / (1 + exp(z)).
        pull = -weights * sign * sigmoid(-margin)
        value = (weights * np.logaddexp(0, -margin)).sum() + _PRIOR_WINDOWS / 2 * away @ away
        return float(value), np.array([pull @ x, pull.sum()]) + _PRIOR_WINDOWS * away

    # A slope below 0 would call the best scores the least likely.
    found = minimize(cost, np.array([1.0, 0.0]), jac=True, bounds=[(0.01, 100), (-100, 100)])
    return float(found.x[0]), float(found.x[1])


def _fit_exponent(windows: ScoredWindows, plain: Calibration) -> float:
    """0 (windows of a contig tell the same) to 1 (each tells something of its own)."""
    minimize = import_extra("scipy.optimize").minimize_scalar
    log_odds = plain.window_log_odds(windows.score, windows.length)
    contigs = list(_contigs(windows))
    labels = np.array([windows.label[rows[0]] for rows in contigs], dtype=np.int64)
    genomes = [windows.genome[rows[0]] for rows in contigs]
    n_genomes = [
        len({g for g, own in zip(genomes, labels, strict=True) if own == n}) for n in (0, 1)
    ]
    if np.bincount(labels, minlength=2).min() < _LEAST_CONTIGS or min(n_genomes) < _LEAST_GENOMES:
        return 0.0
    lengths = [windows.length[rows].astype(np.float64) for rows in contigs]
    sums = (
        np.array([length @ log_odds[rows] for length, rows in zip(lengths, contigs, strict=True)]),
        np.array([windows.length[rows].sum() for rows in contigs]),
        np.array([length @ length for length in lengths]),
    )
    weights, signs = _genome_weights(genomes, labels), 2.0 * labels - 1

    def cost(exponent: float) -> float:
        evidence = replace(plain, evidence_exponent=exponent).record_evidence(*sums)
        return float((weights * np.logaddexp(0, -signs * evidence)).sum())

    return float(minimize(cost, bounds=(0, 1), method="bounded").x)


def _try_mixtures(
    windows: ScoredWindows, plain: Calibration, log: Callable[[str], None]
) -> Mixtures | None:
    """Estimate the share of viruses where it is known, for one cluster of viruses at a time.

    The windows are those that the lines were fitted to, so that the estimates are a little better
    than those of clusters that the calibration has never seen.

    Returns:
        None when there are too few clusters.
    """
    evidence = plain.window_log_odds(windows.score, windows.length) - logit(plain.prevalence)
    clusters = np.array(windows.cluster)
    is_virus = windows.label == 1
    found: list[float] = []
    tried: set[str] = set()
    for item in plain.ranges:
        last = np.inf if item.max_length is None else item.max_length
        is_here = (windows.length >= item.min_length) & (windows.length <= last)
        names, counts = np.unique(clusters[is_here & is_virus], return_counts=True)
        for name in names[counts >= _LEAST_MIXED].tolist():
            rows = is_here & (~is_virus | (clusters == name))
            weight = balanced_weights(windows.label[rows]) * int(rows.sum())
            found.append(likeliest_share(evidence[rows], weight)[0])
            tried.add(name)
    if len(tried) < _LEAST_CLUSTERS:
        log(
            f"calibration: {len(tried)} viral clusters are too few (of {_LEAST_CLUSTERS}) to say "
            "how far off estimates of a share of viruses are"
        )
        return None
    low = float(np.quantile(found, _UNLIKE))
    log(
        f"calibration: of {len(tried)} viral clusters that were half of a mixture, three in four "
        f"were estimated to be more than {low:.2f} of it"
    )
    return Mixtures(low, len(tried))


def _contigs(windows: ScoredWindows) -> Iterator[NDArray[np.int64]]:
    """Rows of runs of windows that follow each other in a genome, of several numbers of windows."""
    genomes = np.array(windows.genome)
    order = np.lexsort((windows.start, genomes))
    bounds = np.flatnonzero(genomes[order][1:] != genomes[order][:-1]) + 1
    for rows in np.split(order, bounds):
        for n_windows in _CONTIG_WINDOWS:
            for first in range(0, len(rows) - n_windows + 1, n_windows):
                yield rows[first : first + n_windows]


def _genome_weights(genome: list[str], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """A genome's contigs weigh as much as another's of its class, and both classes a half."""
    _, number, count = np.unique(genome, return_inverse=True, return_counts=True)
    weights = 1 / count[number]
    totals = np.bincount(label, weights=weights)
    return np.asarray(weights / (2 * totals[label]), dtype=np.float64)
