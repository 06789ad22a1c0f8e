"""From the scores of chunks to the call of a record, and its line in ``sequences.tsv``.

Shape letters: ``R`` records of a block, ``S`` values of `SetAside`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.calling._chunks import ChunkScores
from virnucpro_core.store import FrameScores, RecordRows, SetAside

__all__ = ["SEQUENCES_HEADER", "RecordCalls", "RecordScorer", "record_lines"]

SEQUENCES_HEADER = (
    b"id\tlength\tn_chunks\tn_frames\tvirus_score\tcall\treason\tprobability\tq_value\ttier\n"
)

_CODON = 3
# Probability, q-value and tier need a bundle with a calibration.
_UNCALIBRATED = "NA\tNA\tNA"


@dataclass(frozen=True, slots=True)
class RecordCalls:
    """Calls of ``R`` records.

    Attributes:
        virus_score: float64 [R]; NaN where nothing was scored.
        is_scored: bool [R].
        is_virus: bool [R].
        set_aside: int64 [R, S], frames by what became of their embeddings.
    """

    virus_score: NDArray[np.float64]
    is_scored: NDArray[np.bool_]
    is_virus: NDArray[np.bool_]
    set_aside: NDArray[np.int64]


class RecordScorer:
    """Sums up the chunks of ``n_records`` records from number ``first`` on."""

    def __init__(self, first: int, n_records: int) -> None:
        self._first = first
        self._weighted = np.zeros(n_records, dtype=np.float64)
        self._weight = np.zeros(n_records, dtype=np.int64)
        self._set_aside = np.zeros((n_records, len(SetAside)), dtype=np.int64)

    def count(self, frames: FrameScores) -> None:
        """Count ``frames``, scored or set aside."""
        np.add.at(self._set_aside, (frames.record_index - self._first, frames.set_aside), 1)

    def n_frames(self) -> NDArray[np.int64]:
        """int64 [R], the frames that were counted."""
        counted: NDArray[np.int64] = self._set_aside.sum(axis=1)
        return counted

    def add(self, chunks: ChunkScores) -> None:
        """Take ``chunks``, in input order: sums then do not depend on how they were sliced."""
        row = chunks.record_index - self._first
        np.add.at(self._weighted, row, chunks.virus_score * chunks.length)
        np.add.at(self._weight, row, chunks.length)

    def calls(self, threshold: float) -> RecordCalls:
        """The mean of the chunk scores, weighted by chunk length, against ``threshold``."""
        scored = self._weight > 0
        score = np.full(len(scored), np.nan)
        np.divide(self._weighted, self._weight, out=score, where=scored)
        return RecordCalls(score, scored, scored & (score >= threshold), self._set_aside)


def record_lines(rows: RecordRows, ids: Sequence[str], calls: RecordCalls) -> Iterator[bytes]:
    """The lines of ``sequences.tsv`` for ``rows``. Scores read back as the same float64."""
    columns = zip(
        ids,
        rows.length.tolist(),
        rows.n_chunks.tolist(),
        rows.n_frames.tolist(),
        calls.virus_score.tolist(),
        calls.is_scored.tolist(),
        calls.is_virus.tolist(),
        calls.set_aside.tolist(),
        strict=True,
    )
    for name, length, n_chunks, n_frames, score, is_scored, is_virus, frames in columns:
        lost = _set_aside(frames, n_frames)
        if is_scored:
            verdict = f"{score!r}\t{'virus' if is_virus else 'non-virus'}\t{lost or 'NA'}"
        else:
            verdict = f"NA\tnot-scorable\t{lost or _reason(length)}"
        yield f"{name}\t{length}\t{n_chunks}\t{n_frames}\t{verdict}\t{_UNCALIBRATED}\n".encode()


def _reason(length: int) -> str:
    if length == 0:
        return "empty"
    if length < _CODON:
        return "shorter than one codon"
    return "every frame has a stop codon"


def _set_aside(frames: Sequence[int], n_frames: int) -> str:
    """``"2 of 5 frames set aside: does not fit the device's memory"``; nothing when none was."""
    whys = [why for why in SetAside if why is not SetAside.EMBEDDED and frames[why]]
    if not whys:
        return ""
    n_lost = sum(frames[why] for why in whys)
    reasons = ", ".join(why.reason for why in whys)
    return f"{n_lost} of {n_frames} frames set aside: {reasons}"
