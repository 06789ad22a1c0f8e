"""Where windows of a genome can lie, and drawing one of those places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import cut_windows
from virnucpro_core.training._collection import CollectedGenome
from virnucpro_core.training._window_settings import WindowSettings

__all__ = ["Places"]

_MOST_TRIES = 64


@dataclass(frozen=True, slots=True)
class Places:
    """Stretches of a genome in which windows may lie.

    Attributes:
        start, length: int64 [S], records, coding segments or tiles.
        lengths: of the windows, in bases, int64, each as likely; None where the stretches are the
            windows.
    """

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    lengths: NDArray[np.int64] | None

    @classmethod
    def of(cls, genome: CollectedGenome, settings: WindowSettings, part: str) -> Places:
        """The tiles of the genome's records, or its records or coding segments.

        Raises:
            InputError: none of them is long enough for a window.
        """
        if settings.tile is not None:
            tiles = cut_windows(genome.length, settings.tile)
            return cls(
                genome.start[tiles.record] + tiles.start, tiles.length.astype(np.int64), None
            )
        start, length, what = genome.start, genome.length, "record"
        if settings.frames == "cds" and genome.coding is not None:
            start, what = genome.coding.start, "coding sequence"
            length = genome.coding.end - start
        fits = length >= settings.shortest
        if not fits.any():
            raise InputError(
                f"{genome.row.file} has no {what} of {settings.shortest} bases",
                where=genome.row.where,
                remedy="leave the genome out, or allow shorter windows with --shortest",
            )
        return cls(start[fits], length[fits], settings.lengths(part))

    def draw(
        self, n: int, random: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Start and length of ``n`` windows, int64 [n].

        Each length is as likely, then each place where a window of that length fits. Where no
        stretch is that long the window is the longest there is.
        """
        if self.lengths is None:
            row = random.integers(0, len(self.start), n)
            return self.start[row], self.length[row]
        longest = int(self.length.max())
        length = np.minimum(self.lengths[random.integers(0, len(self.lengths), n)], longest)
        ends = np.cumsum(self.length)
        start = np.full(n, self.start[int(self.length.argmax())])
        open_ = np.arange(n)
        # A base is drawn from all stretches end to end; a window that does not fit there is moved.
        for _ in range(_MOST_TRIES):
            base = random.integers(0, int(ends[-1]), len(open_))
            row = np.searchsorted(ends, base, side="right")
            offset = base - (ends[row] - self.length[row])
            fits = offset + length[open_] <= self.length[row]
            start[open_[fits]] = self.start[row[fits]] + offset[fits]
            open_ = open_[~fits]
        return start, length
