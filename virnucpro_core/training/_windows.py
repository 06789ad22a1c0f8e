"""Drawing labelled windows and their frames from genomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.sequences import translate_windows
from virnucpro_core.store import ByteStrings
from virnucpro_core.training._genomes import CLASSES, Genome

__all__ = ["LabelledFrames", "WindowSampler"]

_MOST_UNKNOWN = 0.05
"""Windows with a larger share of N are drawn again: they hold no sequence to learn from."""


@dataclass(frozen=True, slots=True)
class LabelledFrames:
    """``F`` stop-free frames of ``W`` windows.

    Attributes:
        nucleotides: of the F frames.
        proteins: of the F frames.
        labels: int64 [F], 0 cellular, 1 viral.
        window: int64 [F], row of the window.
        window_labels: int64 [W].
        window_genomes: int64 [W], row of the genome in the sampler's list.
    """

    nucleotides: ByteStrings
    proteins: ByteStrings
    labels: NDArray[np.int64]
    window: NDArray[np.int64]
    window_labels: NDArray[np.int64]
    window_genomes: NDArray[np.int64]


class WindowSampler:
    """Draws windows, as many of each class.

    Within a class a genome is drawn with a weight of the fourth root of its length: bacteria of
    5 Mb and phages of 170 kb do not drown a piece of a chromosome or an RNA virus of 10 kb.
    """

    def __init__(self, genomes: list[Genome], seed: int) -> None:
        self._genomes = genomes
        self._random = np.random.default_rng(seed)
        labels = np.array([genome.label for genome in genomes])
        weights = np.array([len(genome.letters) for genome in genomes]) ** 0.25
        self._rows = [np.flatnonzero(labels == label) for label in range(len(CLASSES))]
        self._weights = [weights[rows] / weights[rows].sum() for rows in self._rows]

    def draw(self, n_windows: int, *, shortest: int, longest: int) -> LabelledFrames:
        """``n_windows`` windows of ``shortest`` to ``longest`` bases, each length as likely."""
        windows: list[bytes] = []
        genomes: list[int] = []
        while len(windows) < n_windows:
            label = len(windows) % len(CLASSES)
            row = int(self._random.choice(self._rows[label], p=self._weights[label]))
            letters = self._genomes[row].letters
            length = min(int(self._random.integers(shortest, longest + 1)), len(letters))
            start = int(self._random.integers(0, len(letters) - length + 1))
            window = letters[start : start + length]
            if window.count(b"N") <= _MOST_UNKNOWN * length:
                windows.append(window)
                genomes.append(row)
        frames, nucleotides, proteins = translate_windows(ByteStrings.from_iterable(windows))
        rows = np.array(genomes)
        window_labels = np.array([self._genomes[row].label for row in genomes])
        return LabelledFrames(
            nucleotides=nucleotides,
            proteins=proteins,
            labels=window_labels[frames.window],
            window=frames.window,
            window_labels=window_labels,
            window_genomes=rows,
        )
