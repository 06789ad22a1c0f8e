"""Which windows hold too little sequence to be scored, by their letters alone.

This rule stands here only: what is predicted, estimated, tested and trained on goes by it.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from pydustmasker import DustMasker

from virnucpro_core.sequences._alphabet import UPPER, A, C, G, T
from virnucpro_core.sequences._frames import Stretch
from virnucpro_core.store import Information

__all__ = ["MOST_LOW_COMPLEXITY", "MOST_UNKNOWN", "window_information"]

MOST_UNKNOWN = 0.05
"""Share of unknown bases up to which a window is scored, and of bases in runs of one letter."""

MOST_LOW_COMPLEXITY = 0.75
"""Share of low-complexity bases up to which a window is scored. Ordinary genomes have windows of
which a half is low complexity; `docs/output.md` has the measurements behind these numbers."""

_RUN_OF = {"G": 10, "C": 10, "A": 20, "T": 20}
"""Length from which a run of one letter tells nothing. Sequencers with two colours write G where
they see no light (C on the other strand): 10 in a row as in fastp (Chen et al. 2018, option
``--poly_g_min_len``). Genomes have many runs of 10 A or T, few of 20: those are tails of mRNA."""

_RUNS = re.compile("|".join(f"{base}{{{n},}}" for base, n in _RUN_OF.items()))
_IS_BASE = np.isin(np.arange(16), [A, C, G, T])


def window_information(
    stretch: Stretch, start: NDArray[np.int64], length: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """uint8 [W], an `Information` for each window; upper or lower case makes no difference.

    Unknown is a base whose letter is not A, C, G, T or U. Low complexity is what symmetric DUST
    masks with its published window of 64 bases and threshold of 20 (Morgulis et al. 2006,
    doi:10.1089/cmb.2006.13.1028). A window and its reverse complement are judged alike.

    Args:
        stretch: the letters in which the windows lie.
        start: int64 [W], first base of each window in the stretch.
        length: int64 [W], in bases.
    """
    found = np.full(len(start), Information.ENOUGH, dtype=np.uint8)
    n_in_runs, n_masked = _low_complexity(stretch, start, length)
    is_simple = (n_in_runs > MOST_UNKNOWN * length) | (n_masked > MOST_LOW_COMPLEXITY * length)
    found[is_simple] = Information.LOW_COMPLEXITY
    is_unknown = ~_IS_BASE[stretch.masks]
    if is_unknown.any():
        before = np.concatenate([[0], np.cumsum(is_unknown)])
        n_unknown = before[start + length] - before[start]
        found[n_unknown > MOST_UNKNOWN * length] = Information.UNKNOWN_BASES
    return found


def _low_complexity(
    stretch: Stretch, start: NDArray[np.int64], length: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bases of each window in runs of one letter, and those that DUST masks; both int64 [W]."""
    letters = stretch.letters.translate(UPPER).decode("ascii")
    bounds = zip(start.tolist(), (start + length).tolist(), strict=True)
    # One call for all windows takes half the time of one for each. DUST starts anew behind an N, so
    # that a window is masked as if it were alone; the last ones make up its least length of four.
    joined = "N".join([letters[first:stop] for first, stop in bounds]) + "NNNN"
    intervals = DustMasker(joined).intervals
    of_interval = np.array(intervals, dtype=np.int64).reshape(-1, 2)
    begins = np.cumsum(length + 1) - (length + 1)
    window = np.searchsorted(begins, of_interval[:, 0], side="right") - 1
    # A run long enough to count is always masked.
    in_runs = [sum(map(len, _RUNS.findall(joined, first, stop))) for first, stop in intervals]
    n_in_runs, n_masked = np.zeros((2, len(start)), dtype=np.int64)
    np.add.at(n_in_runs, window, in_runs)
    np.add.at(n_masked, window, of_interval[:, 1] - of_interval[:, 0])
    return n_in_runs, n_masked
