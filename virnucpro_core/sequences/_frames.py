"""Finding and translating the stop-free frames of many windows at once.

Stops are found once per base and strand; a frame is free of stops when no stop of its phase lies
between its ends. Only frames that are kept are copied and translated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    """``F`` stop-free frames, ordered by window and frame.

    Attributes:
        window: int64 [F], row of the window.
        frame: uint8 [F], 0 to 2 forward, 3 to 5 on the reverse complement.
        start: int64 [F], first base of the first codon, counted along the frame's own strand
            from the beginning of the stretch (of its reverse complement for frames 3 to 5).
        n_codons: int64 [F].
        extra_bases: int64 [F], 1 where the window has one more base behind the codons, else 0.
    """

    window: NDArray[np.int64]
    frame: NDArray[np.uint8]
    start: NDArray[np.int64]
    n_codons: NDArray[np.int64]
    extra_bases: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> KeptFrames:
        """The frames at ``rows``."""
        return KeptFrames(
            self.window[rows],
            self.frame[rows],
            self.start[rows],
            self.n_codons[rows],
            self.extra_bases[rows],
        )

    def sequences(self, stretch: Stretch) -> tuple[ByteStrings, ByteStrings]:
        """Nucleotides (the codons and the one base behind them) and proteins of the frames."""
        strands = (
            stretch.letters.translate(UPPER),
            np.frombuffer(stretch.letters.translate(COMPLEMENT), np.uint8)[::-1].tobytes(),
        )
        n_bases = 3 * self.n_codons
        on = [strands[frame >= 3] for frame in self.frame.tolist()]
        starts = self.start.tolist()
        coding_ends = (self.start + n_bases).tolist()
        ends = (self.start + n_bases + self.extra_bases).tolist()
        coding = b"".join([s[a:b] for s, a, b in zip(on, starts, coding_ends, strict=True)])
        nucleotides = b"".join([s[a:b] for s, a, b in zip(on, starts, ends, strict=True)])
        return (
            ByteStrings.from_lengths(
                np.frombuffer(nucleotides, dtype=np.uint8), n_bases + self.extra_bases
            ),
            ByteStrings.from_lengths(_translate(coding), self.n_codons),
        )


def _translate(codons: bytes) -> NDArray[np.uint8]:
    """Amino acid letters, uint8 [len(codons) / 3]."""
    masks = np.frombuffer(codons.translate(BASE_MASK), dtype=np.uint8).reshape(-1, 3)
    index = masks[:, 0].astype(np.intp)
    for column in (1, 2):
        index <<= 4
        index |= masks[:, column]
    return AMINO_ACID[index]


def find_frames(
    stretch: Stretch, start: NDArray[np.int64], length: NDArray[np.int64]
) -> KeptFrames:
    """Stop-free frames of windows.

    Args:
        stretch: the letters in which the windows lie.
        start: int64 [W], first base of each window in the stretch.
        length: int64 [W], in bases.
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
    forward_stops, reverse_stops = stretch.stops()
    kept[:, :3] &= _stop_free(forward_stops, low[:, :3], high[:, :3])
    kept[:, 3:] &= _stop_free(reverse_stops, low[:, 3:], high[:, 3:])

    window, frame = np.nonzero(kept)
    along = np.where(frame >= 3, len(stretch.letters) - high[kept], low[kept])
    extra = length[window] - shift[frame] > 3 * n_codons[kept]
    return KeptFrames(window, frame.astype(np.uint8), along, n_codons[kept], extra.astype(np.int64))


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
