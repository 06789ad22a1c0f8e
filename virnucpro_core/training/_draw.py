"""Drawing windows of one class and part from genomes, and their frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.sequences import KeptFrames, Stretch, find_frames, window_information
from virnucpro_core.store import ByteStrings, Information
from virnucpro_core.training._collection import CollectedGenome
from virnucpro_core.training._dataset_tables import OverlapRow
from virnucpro_core.training._overlap import touched
from virnucpro_core.training._places import Places
from virnucpro_core.training._window_settings import WindowSettings

__all__ = ["DrawCounts", "DrawnWindows", "WindowDrawer"]

_ROUND = 2_048
"""Windows drawn at once; a part of the seed, so to say: another number gives other windows."""

_ROOT = 0.25

_MOST_ROUNDS_IN_VAIN = 20
"""Rounds in a row without a new window that has a frame, after which there are taken to be none."""


@dataclass(frozen=True, slots=True)
class DrawnWindows:
    """``W`` windows and the ``F`` frames of theirs that are kept.

    Attributes:
        genome: int64 [W], rows of the genomes.
        start, length: int64 [W], in bases of the genome.
        letters: of the W windows.
        window: int64 [F], the frame's window.
        frame: uint8 [F], 0 to 5.
        nucleotides, proteins: of the F frames.
        first_codon: int64 [F], codons of the frame before its protein.
    """

    genome: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    letters: ByteStrings
    window: NDArray[np.int64]
    frame: NDArray[np.uint8]
    nucleotides: ByteStrings
    proteins: ByteStrings
    first_codon: NDArray[np.int64]


@dataclass(slots=True)
class DrawCounts:
    """What became of the windows that were drawn.

    Attributes:
        with_frame: have a frame that is kept; as many as were asked for, if there are so many.
        without_frame: have none; they are in the table, but in no shard.
        unknown, low_complexity: left out for want of information, see `window_information`.
        overlap: left out because they touch a stretch that is also in a virus.
        again: had been drawn before.
        frames: frames that are kept.
    """

    with_frame: int = 0
    without_frame: int = 0
    unknown: int = 0
    low_complexity: int = 0
    overlap: int = 0
    again: int = 0
    frames: int = 0


class WindowDrawer:
    """Draws different windows from genomes of one class and part.

    A group is drawn with a weight of the fourth root of its bases, then one of its genomes by the
    same rule, then a place in it, each as likely. So a bacterium of 5 Mb is drawn 5 times as often
    as an RNA virus of 8 kb, not 600 times, and many genomes of one group do not drown the others.

    Args:
        genomes: of all classes and parts.
        rows: those to draw from.
        part: whose windows these are, one of `PARTS`.
        overlaps: stretches that windows must not touch, by the name of the genome.
        random: draws the same windows when it is in the same state.

    Raises:
        InputError: a genome has no stretch that is long enough for a window.
    """

    def __init__(
        self,
        genomes: list[CollectedGenome],
        rows: list[int],
        part: str,
        settings: WindowSettings,
        overlaps: dict[str, list[OverlapRow]],
        random: np.random.Generator,
    ) -> None:
        self._genomes = genomes
        self._rows = rows
        self._settings = settings
        self._overlaps = overlaps
        self._random = random
        self._places = {row: Places.of(genomes[row], settings, part) for row in rows}
        self._weights = _weights([genomes[row] for row in rows])
        self._seen: set[tuple[int, int, int]] = set()
        self.counts = DrawCounts()

    def draw(self, n_windows: int) -> Iterator[DrawnWindows]:
        """Windows, a round at a time, until ``n_windows`` have a frame or there are no more."""
        in_vain = 0
        while self.counts.with_frame < n_windows and in_vain < _MOST_ROUNDS_IN_VAIN:
            before = self.counts.with_frame
            yield self._cut(*self._candidates(), n_windows)
            in_vain = in_vain + 1 if self.counts.with_frame == before else 0

    def _candidates(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Genome, start and length of a round's windows, before any is left out; int64."""
        picked = self._random.choice(len(self._rows), _ROUND, p=self._weights)
        genome = np.array(self._rows)[picked]
        start, length = np.zeros((2, _ROUND), dtype=np.int64)
        for row in np.unique(genome).tolist():
            mine = genome == row
            start[mine], length[mine] = self._places[row].draw(int(mine.sum()), self._random)
        return genome, start, length

    def _cut(
        self,
        genome: NDArray[np.int64],
        start: NDArray[np.int64],
        length: NDArray[np.int64],
        n_windows: int,
    ) -> DrawnWindows:
        drawn = ByteStrings.from_iterable(
            self._genomes[row].letters[first : first + n].tobytes()
            for row, first, n in zip(genome.tolist(), start.tolist(), length.tolist(), strict=True)
        )
        stretch = Stretch.of(drawn.data.tobytes())
        information = window_information(stretch, drawn.offsets[:-1], length)
        kept = self._kept(genome, start, length, information)
        genome, start, length = genome[kept], start[kept], length[kept]
        windows = ByteStrings.from_iterable(drawn[i] for i in kept)
        frames = find_frames(stretch, drawn.offsets[:-1][kept], length, self._settings.frame_rule)
        nucleotides, proteins = frames.sequences(stretch)
        chosen = np.flatnonzero(self._is_wanted(frames, genome, start, length))
        window = frames.window[chosen]
        # The last round ends with the window that completes the number.
        with_frame = np.unique(window)
        missing = n_windows - self.counts.with_frame
        n_rows = int(with_frame[missing - 1]) + 1 if len(with_frame) >= missing else len(genome)
        chosen, window = chosen[window < n_rows], window[window < n_rows]
        self.counts.with_frame += len(np.unique(window))
        self.counts.without_frame += n_rows - len(np.unique(window))
        self.counts.frames += len(window)
        return DrawnWindows(
            genome=genome[:n_rows],
            start=start[:n_rows],
            length=length[:n_rows],
            letters=windows.slice(0, n_rows),
            window=window,
            frame=frames.frame[chosen],
            nucleotides=ByteStrings.from_iterable(nucleotides[i] for i in chosen.tolist()),
            proteins=ByteStrings.from_iterable(proteins[i] for i in chosen.tolist()),
            first_codon=frames.first_codon[chosen],
        )

    def _kept(
        self,
        genome: NDArray[np.int64],
        start: NDArray[np.int64],
        length: NDArray[np.int64],
        information: NDArray[np.uint8],
    ) -> list[int]:
        """Rows of the windows that are new, informative and free of overlaps; counts the others."""
        kept = []
        overlapping = self._overlapping(genome, start, start + length)
        places = zip(genome.tolist(), start.tolist(), length.tolist(), strict=True)
        for i, place in enumerate(places):
            if place in self._seen:
                self.counts.again += 1
            elif information[i] == Information.UNKNOWN_BASES:
                self.counts.unknown += 1
            elif information[i] == Information.LOW_COMPLEXITY:
                self.counts.low_complexity += 1
            elif overlapping[i]:
                self.counts.overlap += 1
            else:
                kept.append(i)
            self._seen.add(place)
        return kept

    def _overlapping(
        self, genome: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        hit = np.zeros(len(genome), dtype=np.bool_)
        for row in np.unique(genome).tolist():
            mine = genome == row
            overlaps = self._overlaps.get(self._genomes[row].row.name, [])
            hit[mine] = touched(overlaps, start[mine], end[mine])
        return hit

    def _is_wanted(
        self,
        frames: KeptFrames,
        genome: NDArray[np.int64],
        start: NDArray[np.int64],
        length: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        if self._settings.frames == "all":
            return np.ones(len(frames.window), dtype=np.bool_)
        wanted = np.zeros(len(frames.window), dtype=np.bool_)
        for row in np.unique(genome).tolist():
            coding = self._genomes[row].coding
            if coding is not None:
                mine = np.flatnonzero(genome[frames.window] == row)
                wanted[mine] = coding.holding(frames.take(mine), start, length)
        return wanted


def _weights(genomes: list[CollectedGenome]) -> NDArray[np.float64]:
    """Probability of each genome, float64 [G]; they sum to 1."""
    groups, group = np.unique([genome.row.group for genome in genomes], return_inverse=True)
    bases = np.array([genome.n_bases for genome in genomes], dtype=np.float64)
    of_group = np.bincount(group, bases, minlength=len(groups)) ** _ROOT
    of_genome = bases**_ROOT
    in_group = np.bincount(group, of_genome, minlength=len(groups))
    weights: NDArray[np.float64] = of_group[group] / of_group.sum() * of_genome / in_group[group]
    return weights
