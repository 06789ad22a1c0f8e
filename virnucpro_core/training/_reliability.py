"""Fitting what tells sequence of organisms from sequence that none has.

Shape letters: ``W`` windows, ``F`` frames.
"""

from __future__ import annotations

from collections.abc import Callable
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

__all__ = ["FittedReliability", "WindowFrames", "fit_reliability", "window_strangeness"]

_RECIPE = ClassifierRecipe(hidden_width=32, dropout=0.2, most_epochs=30)
_SEED = 1
_MOST_WINDOWS = 30_000
"""For each part: the network has 6,000 weights, which more windows tell nothing new."""

_KEPT = 0.95
"""Share of right calls of either class on validation windows that stay within the limits."""


@dataclass(frozen=True, slots=True)
class FittedReliability:
    """What fitting makes, see `virnucpro_core.models.Reliability`."""

    network: MlpClassifier
    limits: StrangenessLimits


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
    train: ByteStrings,
    validation: ByteStrings,
    scored: ScoredWindows,
    calibration: Calibration,
    rule: FrameRule,
    log: Callable[[str], None],
) -> FittedReliability:
    """Fit a network to tell windows from shuffled and random ones, and limits to right calls.

    That a detector is fitted to made-up outliers and then finds others, too, is outlier exposure
    (Hendrycks, Mazeika and Dietterich 2019). The limits are quantiles of the validation windows
    that the classifier calls rightly, for each range of length of the calibration and each class.

    Args:
        train: windows of the training genomes.
        validation: W windows of the validation genomes that could be scored.
        scored: what the classifier says of them.
        calibration: fitted on them.
        rule: which frames a window has.
        log: called with lines of progress.
    """
    rng = np.random.default_rng(_SEED)
    network = fit_classifier(
        _labelled(train, rule, rng), _labelled(validation, rule, rng), _RECIPE, _quiet
    )
    strange = window_strangeness(validation, rule, network.for_prediction())
    log_odds = calibration.window_log_odds(scored.score, scored.length)
    is_virus = scored.label == 1
    is_right = (log_odds >= 0) == is_virus
    limits = []
    for item in calibration.ranges:
        last = np.inf if item.max_length is None else item.max_length
        mine = (scored.length >= item.min_length) & (scored.length <= last)
        virus, non_virus = (
            _limit(strange[mine & of_class], is_right[mine & of_class])
            for of_class in (is_virus, ~is_virus)
        )
        n_windows = int(mine.sum())
        limits.append(
            StrangenessLimit(item.min_length, item.max_length, virus, non_virus, n_windows)
        )
        log(
            f"reliability, {item.min_length} to {item.max_length or 'any'} nt: strangeness at "
            f"most {virus:.2f} of viruses, {non_virus:.2f} of others"
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
    step = -(-len(windows) // _MOST_WINDOWS)
    some = ByteStrings.from_iterable(windows[row] for row in range(0, len(windows), step))
    false = ByteStrings.from_iterable(made_up(some, rng))
    parts = [codon_frequencies(WindowFrames.find(w, rule).nucleotides) for w in (some, false)]
    labels = np.repeat(np.arange(2), [len(part) for part in parts])
    return np.concatenate(parts), labels


def _limit(strange: NDArray[np.float64], is_right: NDArray[np.bool_]) -> float:
    """What most of the right calls are within; most of all, where none is right.

    Args:
        strange: of the windows of a class; NaN where one has no frame, and does not count.
    """
    has_frame = ~np.isnan(strange)
    is_right = is_right & has_frame
    return float(np.quantile(strange[is_right if is_right.any() else has_frame], _KEPT))


def _quiet(line: str) -> None:
    """The passes of so small a network are no news."""
