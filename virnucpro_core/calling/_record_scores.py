"""From the scores of chunks to those of records.

Shape letters: ``R`` records, ``C`` chunks, ``S`` values of `SetAside`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import Calibration
from virnucpro_core.calling._chunks import ChunkScores
from virnucpro_core.store import FrameScores, SetAside

__all__ = ["RecordScorer", "RecordScores"]


@dataclass(frozen=True, slots=True)
class RecordScores:
    """Scores of ``R`` records, 44 bytes each.

    Attributes:
        virus_score: float64 [R], the mean of the chunk scores weighted by chunk length; NaN where
            nothing was scored.
        evidence: float64 [R], log likelihood ratio of virus to other (`Calibration`); NaN where
            nothing was scored, or without a calibration.
        scored_length: int64 [R], bases in scored chunks.
        covered: int64 [R], those of them in the stop-free stretches that were used, of each chunk
            the longest.
        n_partial: int32 [R], partial frames, scored or set aside.
        strangeness: float64 [R], the mean over the scored chunks weighted by chunk length; NaN
            where nothing was scored, or where it is not known.
        set_aside: frames by their `SetAside`, of the few records that lack some, by row.
    """

    virus_score: NDArray[np.float64]
    evidence: NDArray[np.float64]
    scored_length: NDArray[np.int64]
    covered: NDArray[np.int64]
    n_partial: NDArray[np.int32]
    strangeness: NDArray[np.float64]
    set_aside: dict[int, Sequence[int]]

    @classmethod
    def of_nothing(cls, n_records: int) -> RecordScores:
        """``n_records`` records without a score, to be filled by `put`."""
        return cls(
            np.full(n_records, np.nan),
            np.full(n_records, np.nan),
            np.zeros(n_records, np.int64),
            np.zeros(n_records, np.int64),
            np.zeros(n_records, np.int32),
            np.full(n_records, np.nan),
            {},
        )

    @property
    def is_scored(self) -> NDArray[np.bool_]:
        """bool [R]."""
        scored: NDArray[np.bool_] = self.scored_length > 0
        return scored

    @property
    def known_evidence(self) -> NDArray[np.float64]:
        """float64, of the scored records."""
        known: NDArray[np.float64] = self.evidence[self.is_scored]
        return known

    def put(self, first: int, block: RecordScores) -> None:
        """Take the scores of the records from number ``first`` on."""
        rows = slice(first, first + len(block.virus_score))
        self.virus_score[rows] = block.virus_score
        self.evidence[rows] = block.evidence
        self.scored_length[rows] = block.scored_length
        self.covered[rows] = block.covered
        self.n_partial[rows] = block.n_partial
        self.strangeness[rows] = block.strangeness
        self.set_aside.update({first + row: counts for row, counts in block.set_aside.items()})


class RecordScorer:
    """Sums up the chunks of ``n_records`` records from number ``first`` on."""

    def __init__(self, first: int, n_records: int, calibration: Calibration | None) -> None:
        self._first = first
        self._calibration = calibration
        self._score = np.zeros(n_records, dtype=np.float64)
        self._log_odds = np.zeros(n_records, dtype=np.float64)
        self._length = np.zeros(n_records, dtype=np.int64)
        self._covered = np.zeros(n_records, dtype=np.int64)
        self._n_partial = np.zeros(n_records, dtype=np.int32)
        self._strangeness = np.zeros(n_records, dtype=np.float64)
        self._squared_length = np.zeros(n_records, dtype=np.float64)
        self._set_aside = np.zeros((n_records, len(SetAside)), dtype=np.int64)

    def count(self, frames: FrameScores) -> None:
        """Count ``frames``, scored or set aside."""
        row = frames.record_index - self._first
        np.add.at(self._set_aside, (row, frames.set_aside), 1)
        np.add.at(self._n_partial, row[frames.is_partial], 1)

    def n_frames(self) -> NDArray[np.int64]:
        """int64 [R], the frames that were counted."""
        counted: NDArray[np.int64] = self._set_aside.sum(axis=1)
        return counted

    def add(self, chunks: ChunkScores, log_odds: NDArray[np.float64] | None) -> None:
        """Take ``chunks``, in input order: sums then do not depend on how they were sliced.

        Args:
            log_odds: float64 [C], of the chunks; None without a calibration.
        """
        row = chunks.record_index - self._first
        length = chunks.length.astype(np.float64)
        np.add.at(self._score, row, chunks.virus_score * length)
        np.add.at(self._length, row, chunks.length)
        np.add.at(self._covered, row, chunks.covered)
        # Not a number where it is not known, which makes the sums likewise.
        strangeness = np.nan if chunks.strangeness is None else chunks.strangeness
        np.add.at(self._strangeness, row, strangeness * length)
        if log_odds is not None:
            np.add.at(self._log_odds, row, log_odds * length)
            np.add.at(self._squared_length, row, length**2)

    def scores(self) -> RecordScores:
        """What the chunks say of their records."""
        score, strangeness = np.full((2, len(self._length)), np.nan)
        np.divide(self._score, self._length, out=score, where=self._length > 0)
        np.divide(self._strangeness, self._length, out=strangeness, where=self._length > 0)
        lost = self._set_aside.sum(axis=1) > self._set_aside[:, SetAside.EMBEDDED]
        rows = np.flatnonzero(lost)
        return RecordScores(
            score,
            np.full(len(score), np.nan)
            if self._calibration is None
            else self._calibration.record_evidence(
                self._log_odds, self._length, self._squared_length
            ),
            self._length,
            self._covered,
            self._n_partial,
            strangeness,
            dict(zip(rows.tolist(), self._set_aside[rows].tolist(), strict=True)),
        )
