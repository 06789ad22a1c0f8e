"""Fitting what tells sequence of organisms from sequence that none has.

Shape letters: ``W`` windows, ``F`` frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.calling import (
    Calibration,
    StrangenessLimit,
    StrangenessLimits,
    codon_frequencies,
    strangeness,
)
from virnucpro_core.models import Classifier, MlpClassifier
from virnucpro_core.sequences import Stretch, find_frames
from virnucpro_core.store import ByteStrings
from virnucpro_core.training._calibrate import ScoredWindows
from virnucpro_core.training._classifier import fit_classifier
from virnucpro_core.training._made_up import made_up
from virnucpro_core.training._recipes import ClassifierRecipe

__all__ = [
    "FittedReliability",
    "LabelledWindows",
    "WindowFrames",
    "fit_reliability",
    "window_strangeness",
]

_RECIPE = ClassifierRecipe(hidden_width=32, dropout=0.2, most_epochs=30)
_SEED = 1
_MOST_WINDOWS = 30_000
"""For each part: the network has 6,000 weights, which more windows tell nothing new."""

_KEPT = 0.95
"""Share of right calls of either class on validation windows that stay within the limits."""

_KIN_KEPT = 0.9
"""Share of the clusters of other genomes of which as many windows stay within the limit of a
non-virus. What codes for nothing is hard to tell from shuffled letters, and a genome of a plant or
an animal is mostly that: a limit from bacteria alone would call most of its reads strange."""

_LEAST_OF_KIN = 20
"""Windows of a cluster, in a range of length."""


@dataclass(frozen=True, slots=True)
class FittedReliability:
    """What fitting makes, see `virnucpro_core.models.Reliability`."""

    network: MlpClassifier
    limits: StrangenessLimits


@dataclass(frozen=True, slots=True)
class LabelledWindows:
    """``W`` windows.

    Attributes:
        sequences: their letters.
        label: int64 [W], 0 others, 1 virus.
        cluster: W names of clusters of kin.
    """

    sequences: ByteStrings
    label: NDArray[np.int64]
    cluster: Sequence[str]

    def thinned(self, most: int) -> LabelledWindows:
        """Every second, third, ... window, at most ``most``."""
        rows = range(0, len(self.sequences), max(-(-len(self.sequences) // most), 1))
        return LabelledWindows(
            ByteStrings.from_iterable(self.sequences[row] for row in rows),
            self.label[rows.start : rows.stop : rows.step],
            self.cluster[rows.start : rows.stop : rows.step],
        )


@dataclass(frozen=True, slots=True)
class WindowFrames:
    """``F`` frames of ``W`` windows.

    Attributes:
        nucleotides: of the F frames.
        window: int64 [F], the window of each, from 0.
    """

    nucleotides: ByteStrings
    window: NDArray[np.int64]

    @classmethod
    def find(cls, windows: ByteStrings, rule: FrameRule) -> WindowFrames:
        """The frames of windows."""
        stretch = Stretch.of(windows.data.tobytes())
        kept = find_frames(stretch, windows.offsets[:-1], windows.lengths, rule)
        return cls(kept.sequences(stretch)[0], kept.window)


def fit_reliability(
    train: LabelledWindows,
    validation: LabelledWindows,
    scored: ScoredWindows,
    calibration: Calibration,
    rule: FrameRule,
    log: Callable[[str], None],
) -> FittedReliability:
    """Fit a network to tell windows from shuffled and random ones, and limits to right calls.

    That a detector is fitted to made-up outliers and then finds others, too, is outlier exposure
    (Hendrycks, Mazeika and Dietterich 2019). The limits are quantiles of the validation windows
    that the classifier calls rightly, for each range of length of the calibration and each class;
    that of others is high enough for the windows of most clusters of other genomes.

    Args:
        train: windows of the training genomes.
        validation: W windows of the validation genomes that could be scored.
        scored: what the classifier says of them.
        calibration: fitted on them.
        rule: which frames a window has.
        log: called with lines of progress.
    """
    rng = np.random.default_rng(_SEED)
    some = train.thinned(_MOST_WINDOWS)
    network = fit_classifier(
        _labelled(some.sequences, rule, rng),
        _labelled(validation.thinned(_MOST_WINDOWS).sequences, rule, rng),
        _RECIPE,
        _quiet,
    )
    predictor = network.for_prediction()
    seen, unseen = (window_strangeness(w.sequences, rule, predictor) for w in (some, validation))
    strange = np.concatenate([seen, unseen])
    length = np.concatenate([some.sequences.lengths, scored.length])
    is_virus = np.concatenate([some.label, scored.label]) == 1
    cluster = np.array([*some.cluster, *validation.cluster])
    log_odds = calibration.window_log_odds(scored.score, scored.length)
    # Of training windows the classifier's calls would be too good.
    is_right = np.concatenate([np.zeros(len(seen), bool), (log_odds >= 0) == (scored.label == 1)])
    has_frame = ~np.isnan(strange)
    limits = []
    for item in calibration.ranges:
        last = np.inf if item.max_length is None else item.max_length
        mine = has_frame & (length >= item.min_length) & (length <= last)
        virus, other = mine & is_virus, mine & ~is_virus
        non_virus = _limit(strange[other], is_right[other], cluster[other])
        n_windows = int(mine.sum())
        limits.append(
            StrangenessLimit(
                item.min_length,
                item.max_length,
                _limit(strange[virus], is_right[virus]),
                non_virus,
                n_windows,
            )
        )
        log(
            f"reliability, {item.min_length} to {item.max_length or 'any'} nt: strangeness at "
            f"most {limits[-1].virus:.2f} of viruses, {non_virus:.2f} of others"
        )
    return FittedReliability(network, StrangenessLimits(tuple(limits)))


def window_strangeness(
    windows: ByteStrings, rule: FrameRule, network: Classifier
) -> NDArray[np.float64]:
    """float64 [W]: mean strangeness of the frames of windows; NaN of a window without a frame."""
    frames = WindowFrames.find(windows, rule)
    of_frame = strangeness(frames.nucleotides, network).astype(np.float64)
    n_frames = np.bincount(frames.window, minlength=len(windows))
    total = np.bincount(frames.window, of_frame, minlength=len(windows))
    return np.where(n_frames > 0, total / np.maximum(n_frames, 1), np.nan)


def _labelled(
    windows: ByteStrings, rule: FrameRule, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Frames of windows, 0, and of as many made-up ones, 1."""
    false = ByteStrings.from_iterable(made_up(windows, rng))
    parts = [codon_frequencies(WindowFrames.find(w, rule).nucleotides) for w in (windows, false)]
    labels = np.repeat(np.arange(2), [len(part) for part in parts])
    return np.concatenate(parts), labels


def _limit(
    strange: NDArray[np.float64],
    is_right: NDArray[np.bool_],
    cluster: NDArray[np.str_] | None = None,
) -> float:
    """What most of the right calls of a class are within; most of all, where none is right.

    Args:
        cluster: of the windows; where it is given, most windows of most clusters are within, too.
    """
    limit = float(np.quantile(strange[is_right] if is_right.any() else strange, _KEPT))
    if cluster is None:
        return limit
    names, counts = np.unique(cluster, return_counts=True)
    of_kin = [
        np.quantile(strange[cluster == name], _KEPT) for name in names[counts >= _LEAST_OF_KIN]
    ]
    return max(limit, float(np.quantile(of_kin, _KIN_KEPT))) if of_kin else limit


def _quiet(line: str) -> None:
    """The passes of so small a network are no news."""
