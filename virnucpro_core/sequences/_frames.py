"""Finding and translating the frames of many windows at once.

Stops are found once per base and strand; a frame is complete when no stop of its phase lies
between its ends. Only frames that are kept are copied and translated.

Shape letters: ``W`` windows, ``F`` frames that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.sequences._alphabet import (
    AG,
    AMINO_ACID,
    BASE_MASK,
    COMPLEMENT,
    CT,
    UPPER,
    A,
    T,
)
from virnucpro_core.store import ByteStrings

__all__ = ["KeptFrames", "Stretch", "find_frames"]

_N_FRAMES = 6
_NOT_AG, _NOT_CT = np.uint8(15 & ~AG), np.uint8(15 & ~CT)

_PLACE_BITS = 32
_LAST_PLACE = (1 << _PLACE_BITS) - 1
"""A stretch as one number: its codons, then its place, so that the largest is the longest."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """``N`` letters in which windows lie.

    Attributes:
        letters: the letters as in the file.
        masks: uint8 [N], the bases that each letter stands for, see `_alphabet`.
    """

    letters: bytes
    masks: NDArray[np.uint8]

    @classmethod
    def of(cls, letters: bytes) -> Stretch:
        """Look the letters up."""
        return cls(letters, np.frombuffer(letters.translate(BASE_MASK), dtype=np.uint8))

    def first_bad_letter(self) -> int | None:
        """Position of the first letter that is no nucleotide, or None."""
        return None if self.masks.all() else int(self.masks.argmin())

    def stops(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Where a stop codon starts, forward and on the other strand; both bool [N + 1].

        Stops are TAA, TAG and TGA, so TAR and TRA too; their reverse complements are TTA, CTA and
        TCA, so YTA and TYA too. Comparing masks is several times faster than a table of codons.
        """
        a, t = self.masks == A, self.masks == T
        purine, pyrimidine = self.masks & _NOT_AG == 0, self.masks & _NOT_CT == 0
        # No codon starts at the last two letters; the place behind them ends the last range.
        forward, reverse = np.zeros((2, len(a) + 1), dtype=np.bool_)
        forward[:-3] = (a[1:-1] & purine[2:] | purine[1:-1] & a[2:]) & t[:-2]
        reverse[:-3] = (t[1:-1] & pyrimidine[:-2] | pyrimidine[1:-1] & t[:-2]) & a[2:]
        return forward, reverse


@dataclass(frozen=True, slots=True)
class KeptFrames:
    """``F`` frames, ordered by window and frame.

    Attributes:
        window: int64 [F], row of the window.
        frame: uint8 [F], 0 to 2 forward, 3 to 5 on the reverse complement.
        start: int64 [F], first base of the frame, counted along its own strand from the beginning
            of the letters (of their reverse complement for frames 3 to 5).
        n_codons: int64 [F], of the whole frame.
        extra_bases: int64 [F], 1 where the window has one more base behind the codons, else 0.
        first_codon: int64 [F], codons of the frame before its stop-free stretch.
        n_free: int64 [F], codons of the stretch: all of them where the frame is complete.
    """

    window: NDArray[np.int64]
    frame: NDArray[np.uint8]
    start: NDArray[np.int64]
    n_codons: NDArray[np.int64]
    extra_bases: NDArray[np.int64]
    first_codon: NDArray[np.int64]
    n_free: NDArray[np.int64]

    @property
    def n_partial(self) -> int:
        """How many of them have a stop."""
        return int(np.count_nonzero(self.n_free < self.n_codons))

    def take(self, rows: NDArray[np.int64]) -> KeptFrames:
        """The frames at ``rows``."""
        return KeptFrames(
            self.window[rows],
            self.frame[rows],
            self.start[rows],
            self.n_codons[rows],
            self.extra_bases[rows],
            self.first_codon[rows],
            self.n_free[rows],
        )

    def sequences(self, stretch: Stretch) -> tuple[ByteStrings, ByteStrings]:
        """Nucleotides of the whole frames (the codons and the one base behind them), and proteins
        of their stop-free stretches."""
        strands = (
            stretch.letters.translate(UPPER),
            np.frombuffer(stretch.letters.translate(COMPLEMENT), np.uint8)[::-1].tobytes(),
        )
        n_bases = 3 * self.n_codons + self.extra_bases
        on = [strands[frame >= 3] for frame in self.frame.tolist()]
        nucleotides = _slices(on, self.start, n_bases)
        coding = _slices(on, self.start + 3 * self.first_codon, 3 * self.n_free)
        return (
            ByteStrings.from_lengths(np.frombuffer(nucleotides, dtype=np.uint8), n_bases),
            ByteStrings.from_lengths(_translate(coding), self.n_free),
        )


def _slices(of: list[bytes], start: NDArray[np.int64], length: NDArray[np.int64]) -> bytes:
    """Of each string the ``length`` letters from ``start`` on, end to end."""
    bounds = zip(of, start.tolist(), (start + length).tolist(), strict=True)
    return b"".join([s[a:b] for s, a, b in bounds])


def _translate(codons: bytes) -> NDArray[np.uint8]:
    """Amino acid letters, uint8 [len(codons) / 3]."""
    masks = np.frombuffer(codons.translate(BASE_MASK), dtype=np.uint8).reshape(-1, 3)
    index = masks[:, 0].astype(np.intp)
    for column in (1, 2):
        index <<= 4
        index |= masks[:, column]
    return AMINO_ACID[index]


def find_frames(
    stretch: Stretch,
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    rule: FrameRule = "complete",
) -> KeptFrames:
    """The frames of windows.

    By ``longest`` each window of at least a codon has one: a stop read on the other strand is none,
    so that of the six frames not all can be stops only. Of stretches of the same length the first
    frame's counts, and in a frame the one that is read first.

    Args:
        stretch: the letters in which the windows lie.
        start: int64 [W], first base of each window in the stretch.
        length: int64 [W], in bases.
        rule: which frames there are.
    """
    shift = np.arange(_N_FRAMES) % 3
    n_codons = np.maximum(length[:, None] - shift, 0) // 3  # [W, 6]
    # Where the codons of a frame lie on the forward strand: the reverse frames end at the shift.
    low = np.empty_like(n_codons)
    low[:, :3] = start[:, None] + shift[:3]
    low[:, 3:] = (start + length)[:, None] - shift[3:] - 3 * n_codons[:, 3:]
    kept = n_codons > 0
    low[~kept] = 0  # a window too short for a codon may have its frame begin outside
    high = low + 3 * n_codons
    stops = stretch.stops()
    kept[:, :3] &= _stop_free(stops[0], low[:, :3], high[:, :3])
    kept[:, 3:] &= _stop_free(stops[1], low[:, 3:], high[:, 3:])

    partial = None
    if rule == "longest":
        without = np.flatnonzero(~kept.any(axis=1) & (n_codons[:, 0] > 0))
        partial = _longest_stretches(stops, low, high, without)
        kept[without, partial.frame] = True
    window, frame = np.nonzero(kept)
    first_codon, n_free = np.zeros(len(window), dtype=np.int64), n_codons[kept]
    if partial is not None:
        rows = np.searchsorted(window, partial.window)
        first_codon[rows], n_free[rows] = partial.first_codon, partial.n_codons
    along = np.where(frame >= 3, len(stretch.letters) - high[kept], low[kept])
    extra = length[window] - shift[frame] > 3 * n_codons[kept]
    return KeptFrames(
        window=window,
        frame=frame.astype(np.uint8),
        start=along,
        n_codons=n_codons[kept],
        extra_bases=extra.astype(np.int64),
        first_codon=first_codon,
        n_free=n_free,
    )


def _stop_free(
    stops: NDArray[np.bool_], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether no position ``low + 3 * i < high`` has a stop; all arrays but ``stops`` [W, 3]."""
    phase_of_frame = low % 3
    free = np.empty(low.shape, dtype=np.bool_)
    for phase in range(3):
        mine = phase_of_frame == phase
        # Every second of these ranges is a frame, in codons; those between are not looked at.
        ranges = np.stack([low[mine] // 3, high[mine] // 3], axis=1).ravel()
        free[mine] = ~np.logical_or.reduceat(stops[phase::3], ranges)[::2]
    return free


@dataclass(frozen=True, slots=True)
class _LongestStretches:
    """The longest stop-free stretches of ``P`` windows, all int64 [P].

    Attributes:
        window: row of the window.
        frame: 0 to 5.
        first_codon: codons of that frame before it.
        n_codons: of the stretch, at least one.
    """

    window: NDArray[np.int64]
    frame: NDArray[np.int64]
    first_codon: NDArray[np.int64]
    n_codons: NDArray[np.int64]


def _longest_stretches(
    stops: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    window: NDArray[np.int64],
) -> _LongestStretches:
    """The longest stretches of windows of which no frame is complete.

    Args:
        stops: see `Stretch.stops`.
        low, high: int64 [W, 6], see `find_frames`.
        window: int64 [P], rows of those windows.
    """
    low, high = low[window], high[window]
    longest = np.empty(low.shape, dtype=np.int64)
    for reverse in (False, True):
        frames = slice(3, 6) if reverse else slice(0, 3)
        longest[:, frames] = _in_frames(
            stops[reverse], low[:, frames], high[:, frames], reverse=reverse
        )
    n_codons = longest >> _PLACE_BITS
    frame = n_codons.argmax(axis=1)
    rows = np.arange(len(window)), frame
    place = longest[rows] & _LAST_PLACE
    # Forward the first stretch is the leftmost, which has the largest number; see `_in_frames`.
    before = np.where(frame >= 3, high[rows] // 3 - place, _LAST_PLACE - place - low[rows] // 3)
    return _LongestStretches(window, frame, before, n_codons[rows])


def _in_frames(
    stops: NDArray[np.bool_], low: NDArray[np.int64], high: NDArray[np.int64], *, reverse: bool
) -> NDArray[np.int64]:
    """int64 [W, 3]: the longest stretch of each frame; of several, the one that is read first.

    It is ``codons << 32``, plus where the reading of it begins in codons of the phase: its end on
    the reverse strand, and forward its start, counted down.

    Args:
        stops: where a stop codon starts.
        low, high: int64 [W, 3], where the codons of the frames lie; each has a stop, or no codon.
    """

    def number(first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
        place = end if reverse else _LAST_PLACE - first
        return (end - first << _PLACE_BITS) + place

    longest = np.zeros(low.shape, dtype=np.int64)
    phase_of_frame = low % 3
    for phase in range(3):
        mine = (phase_of_frame == phase) & (high > low)
        first, end = low[mine] // 3, high[mine] // 3
        at = np.flatnonzero(stops[phase::3])
        from_, to = np.searchsorted(at, first), np.searchsorted(at, end)
        outer = np.maximum(number(first, at[from_]), number(at[to - 1] + 1, end))
        # Between neighbouring stops; the last range may be empty, for which there is a zero.
        between = np.append(number(at[:-1] + 1, at[1:]), 0)
        ranges = np.stack([from_, to - 1], axis=1).ravel()
        inner = np.maximum.reduceat(between, ranges)[::2] if len(ranges) else outer
        longest[mine] = np.where(to - from_ > 1, np.maximum(outer, inner), outer)
    return longest
