"""From the scores of frames to those of chunks.

Shape letters: ``F`` frames, ``C`` chunks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.store import FrameScores

__all__ = ["ChunkScorer", "ChunkScores", "virus_score"]


@dataclass(frozen=True, slots=True)
class ChunkScores:
    """Scores of ``C`` chunks with at least one frame, in input order.

    Attributes:
        record_index: int64 [C], the record's number in the input, from 0.
        chunk: int32 [C], number of the window in its record, from 1.
        length: int32 [C], of the window in bases.
        max_scores: float32 [C, 2], the largest score of its frames, for each class.
    """

    record_index: NDArray[np.int64]
    chunk: NDArray[np.int32]
    length: NDArray[np.int32]
    max_scores: NDArray[np.float32]

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


class ChunkScorer:
    """Turns a stream of frames into chunks; the frames of a chunk may come in several slices."""

    def __init__(self) -> None:
        self._unfinished = _NO_CHUNKS

    def add(self, frames: FrameScores) -> ChunkScores:
        """Take ``frames`` and give every chunk that is now complete."""
        before = self._unfinished
        # The maximum of maxima is the maximum of all, so the unfinished chunk joins as one row.
        chunks = _largest(
            np.concatenate([before.record_index, frames.record_index]),
            np.concatenate([before.chunk, frames.chunk]),
            np.concatenate([before.length, frames.chunk_length]),
            np.concatenate([before.max_scores, frames.scores]),
        )
        self._unfinished = _rows(chunks, max(len(chunks) - 1, 0), len(chunks))
        return _rows(chunks, 0, max(len(chunks) - 1, 0))

    def finish(self) -> ChunkScores:
        """Give the last chunk, where there is one."""
        last, self._unfinished = self._unfinished, _NO_CHUNKS
        return last


def _largest(
    record_index: NDArray[np.int64],
    chunk: NDArray[np.int32],
    length: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> ChunkScores:
    """One row for each run of equal record and chunk, with the largest scores of its rows."""
    if len(chunk) == 0:
        return _NO_CHUNKS
    begins = np.ones(len(chunk), dtype=np.bool_)
    begins[1:] = (np.diff(record_index) != 0) | (np.diff(chunk) != 0)
    first = np.flatnonzero(begins)
    return ChunkScores(
        record_index[first], chunk[first], length[first], np.maximum.reduceat(scores, first, axis=0)
    )


def _rows(chunks: ChunkScores, start: int, stop: int) -> ChunkScores:
    return ChunkScores(
        chunks.record_index[start:stop],
        chunks.chunk[start:stop],
        chunks.length[start:stop],
        chunks.max_scores[start:stop],
    )


_NO_CHUNKS = ChunkScores(
    np.empty(0, np.int64),
    np.empty(0, np.int32),
    np.empty(0, np.int32),
    np.empty((0, 2), np.float32),
)
