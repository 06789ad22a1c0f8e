"""From the scores of frames to those of chunks.

Shape letters: ``F`` frames, ``C`` chunks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.store import FrameScores, SetAside

__all__ = ["ChunkScores", "score_chunks", "virus_score"]


@dataclass(frozen=True, slots=True)
class ChunkScores:
    """Scores of ``C`` chunks with at least one scored frame, in input order.

    Attributes:
        record_index: int64 [C], the record's number in the input, from 0.
        chunk: int32 [C], number of the window in its record, from 1.
        length: int32 [C], of the window in bases.
        max_scores: float32 [C, 2], the largest score of its frames, for each class.
        covered: int64 [C], bases in the stop-free stretch of the scored frame that has the longest.
        strangeness: float64 [C], mean over the scored frames; None where it is not known.
    """

    record_index: NDArray[np.int64]
    chunk: NDArray[np.int32]
    length: NDArray[np.int32]
    max_scores: NDArray[np.float32]
    covered: NDArray[np.int64]
    strangeness: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.chunk)

    @property
    def is_virus(self) -> NDArray[np.bool_]:
        """bool [C]: VirNucPro's rule; a tie is a virus."""
        virus: NDArray[np.bool_] = self.max_scores[:, 1] >= self.max_scores[:, 0]
        return virus

    @property
    def virus_score(self) -> NDArray[np.float64]:
        """float64 [C], see `virus_score`; at least 0.5 exactly where `is_virus` is true."""
        return virus_score(self.max_scores)


def virus_score(max_scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """float64 [C]: the largest virus score over the sum of the two largest scores.

    In float64 a sum of float32 numbers is exact or rounds far above the tie, so the score is at
    least 0.5 exactly where the virus score is at least the other one.

    Args:
        max_scores: [C, 2], the largest score of a chunk's frames, for each class.
    """
    maxima = max_scores.astype(np.float64)
    score: NDArray[np.float64] = maxima[:, 1] / (maxima[:, 0] + maxima[:, 1])
    return score


def score_chunks(frames: FrameScores) -> tuple[ChunkScores, NDArray[np.int64]]:
    """The chunks of ``frames``, which holds all frames of each, and which frame is in which.

    Returns:
        The ``C`` chunks with at least one scored frame; and int64 [F], the chunk of each frame, or
        -1 where all frames of its chunk were set aside.
    """
    if len(frames) == 0:
        return _NO_CHUNKS, np.empty(0, np.int64)
    begins = np.ones(len(frames), dtype=np.bool_)
    begins[1:] = (np.diff(frames.record_index) != 0) | (np.diff(frames.chunk) != 0)
    first = np.flatnonzero(begins)
    is_scored = frames.set_aside == SetAside.EMBEDDED
    # Below every score: what was set aside is never the largest.
    scores = np.where(is_scored[:, np.newaxis], frames.scores, np.float32(-1))
    largest = np.maximum.reduceat(scores, first, axis=0)
    has_score = largest[:, 1] >= 0
    kept = first[has_score]
    longest = np.maximum.reduceat(np.where(is_scored, frames.n_free, 0), first)
    chunks = ChunkScores(
        frames.record_index[kept],
        frames.chunk[kept],
        frames.chunk_length[kept],
        largest[has_score],
        3 * longest[has_score].astype(np.int64),
        None
        if frames.strangeness is None
        else _mean(frames.strangeness, is_scored, first)[has_score],
    )
    number = np.where(has_score, np.cumsum(has_score) - 1, -1)
    return chunks, number[np.cumsum(begins) - 1]


def _mean(
    values: NDArray[np.float32], counts: NDArray[np.bool_], first: NDArray[np.int64]
) -> NDArray[np.float64]:
    """float64: mean over the rows that count, of each run of rows; 0 where none does."""
    total = np.add.reduceat(np.where(counts, values, 0).astype(np.float64), first)
    n = np.add.reduceat(counts.astype(np.int64), first)
    mean: NDArray[np.float64] = total / np.maximum(n, 1)
    return mean


_NO_CHUNKS = ChunkScores(
    np.empty(0, np.int64),
    np.empty(0, np.int32),
    np.empty(0, np.int32),
    np.empty((0, 2), np.float32),
    np.empty(0, np.int64),
)
