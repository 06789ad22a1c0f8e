"""Where the coding sequences of a genome lie, and which frames are within one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.sequences import KeptFrames

__all__ = ["CodingSegments"]


@dataclass(frozen=True, slots=True)
class CodingSegments:
    """``S`` stretches of coding sequence without an intron, by start.

    Attributes:
        start, end: int64 [S], forward bases of the genome, from 0, the end not included.
        is_reverse: bool [S], whether the other strand is read.
        anchor: int64 [S], 0 to 2: forward codons start, and reverse codons end (their forward
            end), at bases with this remainder by three.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    is_reverse: NDArray[np.bool_]
    anchor: NDArray[np.int64]

    @classmethod
    def from_rows(cls, rows: list[tuple[int, int, bool, int]]) -> CodingSegments:
        """Segments of ``(start, end, is_reverse, anchor)``; repeats are taken once."""
        table = np.array(sorted(set(rows)), dtype=np.int64).reshape(-1, 4)
        return cls(table[:, 0], table[:, 1], table[:, 2].astype(np.bool_), table[:, 3])

    def __len__(self) -> int:
        return len(self.start)

    def holding(
        self, frames: KeptFrames, start: NDArray[np.int64], length: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which frames lie within a segment, on its strand and in its phase: bool [F].

        Args:
            frames: F frames of W windows.
            start, length: int64 [W], where the windows lie in the genome.
        """
        shift = frames.frame.astype(np.int64) % 3
        is_reverse = frames.frame >= 3
        n_bases = 3 * frames.n_codons
        window_start, window_end = start[frames.window], (start + length)[frames.window]
        low = np.where(is_reverse, window_end - shift - n_bases, window_start + shift)
        high = low + n_bases
        held = np.zeros(len(low), dtype=np.bool_)
        if not len(self):
            return held
        # Segments are sorted by their starts: none that starts further back reaches the frame.
        longest = int((self.end - self.start).max())
        first = np.searchsorted(self.start, high - longest, side="left")
        last = np.searchsorted(self.start, low, side="right")
        for row in range(len(low)):
            near = slice(int(first[row]), int(last[row]))
            edge = high[row] if is_reverse[row] else low[row]
            held[row] = np.any(
                (self.end[near] >= high[row])
                & (self.is_reverse[near] == is_reverse[row])
                & (self.anchor[near] == edge % 3)
            )
        return held
