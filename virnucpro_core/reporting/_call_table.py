"""``sequences.tsv`` summed up for a report, in bounded memory however many records there are.

Shape letters: ``R`` records of a block, ``B`` bins of a histogram, ``Q`` limits of the FDR curve.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from virnucpro_core.errors import StoreError

__all__ = [
    "CALLS",
    "LENGTH_EDGES",
    "Q_LIMITS",
    "SCORE_EDGES",
    "SURE_TIERS",
    "CallTotals",
    "TopRecord",
    "sum_up",
]

CALLS = ("virus", "non-virus", "not-scorable")
SURE_TIERS = ("medium", "high")
"""The tiers of calls that can be relied on, the surest last."""
_TIER_RANKS = {"unfamiliar": -1, "medium": 1, "high": 2}
"""Of what order records are named in; any other tier, or none, is 0."""
SCORE_EDGES = np.linspace(0, 1, 41)
"""Edges of the bins of scores and of probabilities."""
LENGTH_EDGES = np.logspace(0, 9, 9 * 8 + 1)
"""Edges of the bins of lengths, in bases: eight to a power of ten."""
Q_LIMITS = np.unique(np.concatenate([np.logspace(-4, -1, 31), np.linspace(0.1, 1, 46)]))
"""The q-values at which the FDR curve is drawn."""

_COLUMN_TYPES = {
    "id": pa.string(), "length": pa.int64(), "n_chunks": pa.int64(), "n_frames": pa.int64(),
    "virus_score": pa.float64(), "call": pa.string(), "reason": pa.string(),
    "probability": pa.float64(), "q_value": pa.float64(), "tier": pa.string(),
    "n_uninformative": pa.int64(), "n_partial_frames": pa.int64(), "coverage": pa.float64(),
}  # fmt: skip
_BLOCK_BYTES = 4 << 20
_SET_ASIDE = re.compile(r"(^|; )\d+ of \d+ frames set aside")
_COUNTS = re.compile(r"\b\d+ of \d+ (?=frames|windows)")


@dataclass(frozen=True, slots=True)
class TopRecord:
    """A record that the report names.

    Attributes:
        index: its number in the input, from 0.
        id, length, n_chunks, n_frames, call: as in the table.
        virus_score, probability, q_value, tier, coverage: as in the table, None where that has
            ``NA``.
    """

    index: int
    id: str
    length: int
    n_chunks: int
    n_frames: int
    virus_score: float
    call: str
    probability: float | None
    q_value: float | None
    tier: str | None
    coverage: float | None

    @property
    def rank(self) -> tuple[float, ...]:
        """Larger for what belongs further up.

        That is: called virus, of a surer tier (unfamiliar is the least), of a higher probability
        (to 0.01), longer, earlier.
        """
        sure = self.virus_score if self.probability is None else self.probability
        tier = _TIER_RANKS.get(self.tier or "", 0)
        return (self.call == "virus", tier, round(sure, 2), self.length, -self.index)


@dataclass(slots=True)
class CallTotals:
    """What the records of a sample come to.

    Attributes:
        n_records, n_chunks, n_uninformative, n_frames, n_partial_frames, n_bases: sums.
        calls: records by call.
        bases: bases by call.
        tiers: records called virus, by tier; ``"NA"`` where there is none.
        n_unfamiliar: scored records, of any call, that are unlike what the model knows.
        reasons: records that are not scorable, by reason.
        n_with_frames_set_aside: records that lack the scores of some or all of their frames.
        scores: int64 [B] by call, records by virus score, over `SCORE_EDGES`.
        probabilities: int64 [B], records by probability, over `SCORE_EDGES`.
        lengths: int64 [B] by call, records by length, over `LENGTH_EDGES`; empty ones in none.
        at_most_q: int64 [Q], scored records with a q-value of at most each of `Q_LIMITS`.
        expected_false: float64 [Q], of those, how many are expected not to be viruses: the sum
            of 1 - probability.
        n_shorter_than: scored records shorter than each length that was asked for.
        top: the first records by `TopRecord.rank`, the highest first.
        longest: the longest records called virus that have several windows.
    """

    n_records: int = 0
    n_chunks: int = 0
    n_uninformative: int = 0
    n_frames: int = 0
    n_partial_frames: int = 0
    n_bases: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    bases: Counter[str] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    n_unfamiliar: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    n_with_frames_set_aside: int = 0
    scores: dict[str, NDArray[np.int64]] = field(default_factory=lambda: _histograms(SCORE_EDGES))
    probabilities: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(SCORE_EDGES) - 1, np.int64)
    )
    lengths: dict[str, NDArray[np.int64]] = field(default_factory=lambda: _histograms(LENGTH_EDGES))
    at_most_q: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Q_LIMITS), np.int64))
    expected_false: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(Q_LIMITS)))
    n_shorter_than: Counter[int] = field(default_factory=Counter)
    top: list[TopRecord] = field(default_factory=list)
    longest: list[TopRecord] = field(default_factory=list)

    @property
    def n_scored(self) -> int:
        """Records with a score."""
        return self.calls["virus"] + self.calls["non-virus"]

    @property
    def n_sure(self) -> int:
        """Records called virus, of a tier that can be relied on."""
        return sum(self.tiers[tier] for tier in SURE_TIERS)

    @property
    def has_tiers(self) -> bool:
        """Whether calls say how far they can be relied on, if any is virus."""
        return any(name not in ("NA", "") for name in self.tiers)

    @property
    def has_probabilities(self) -> bool:
        """Whether the model turned scores into probabilities."""
        return bool(self.probabilities.any())

    @property
    def has_q_values(self) -> bool:
        """Whether records have q-values."""
        return bool(self.at_most_q.any())


def _histograms(edges: NDArray[np.float64]) -> dict[str, NDArray[np.int64]]:
    return {call: np.zeros(len(edges) - 1, np.int64) for call in CALLS}


def sum_up(
    sequences: Path,
    *,
    n_top: int = 25,
    n_longest: int = 12,
    lengths: tuple[int, ...] = (),
    block_bytes: int = _BLOCK_BYTES,
) -> CallTotals:
    """Stream ``sequences`` once; memory holds one block of it and the records that are named.

    Args:
        sequences: a ``sequences.tsv``.
        n_top: records to name for being sure.
        n_longest: records to name for being long.
        lengths: lengths in bases below which to count scored records.
        block_bytes: bytes of the file that are read together; must hold the longest line.

    Raises:
        StoreError: it cannot be read, or is no such table.
    """
    totals = CallTotals()
    top, longest = _Best(n_top), _Best(n_longest)
    try:
        for block in _blocks(sequences, block_bytes):
            _add(totals, block, lengths)
            first = totals.n_records - block.num_rows
            for row in _surest(block, n_top):
                record = _record(block, row, first)
                top.push(record.rank, record)
            for row in _longest(block, n_longest):
                record = _record(block, row, first)
                longest.push((record.length, -record.index), record)
    except OSError as error:
        raise StoreError(f"cannot be read ({error})", where=str(sequences)) from error
    except (KeyError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"is not a result table ({error}, after record {totals.n_records})",
            where=str(sequences),
            remedy="give the sequences.tsv of this sample",
        ) from error
    totals.top, totals.longest = top.in_order(), longest.in_order()
    return totals


def _blocks(sequences: Path, block_bytes: int) -> Iterator[pa.RecordBatch]:
    with sequences.open("rb") as file:
        yield from pa_csv.open_csv(
            file,
            read_options=pa_csv.ReadOptions(block_size=block_bytes, use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=_COLUMN_TYPES,
                include_columns=list(_COLUMN_TYPES),
                null_values=["NA"],
                strings_can_be_null=False,
            ),
        )


def _add(totals: CallTotals, block: pa.RecordBatch, lengths: tuple[int, ...]) -> None:
    totals.n_records += block.num_rows
    length, call = _numbers(block, "length"), _texts(block, "call")
    unknown = set(np.unique(call)) - set(CALLS)
    if unknown:
        raise KeyError(f"the call {min(unknown)}")
    score, probability = _numbers(block, "virus_score"), _numbers(block, "probability")
    totals.n_chunks += int(_numbers(block, "n_chunks").sum())
    totals.n_uninformative += int(_numbers(block, "n_uninformative").sum())
    totals.n_frames += int(_numbers(block, "n_frames").sum())
    totals.n_partial_frames += int(_numbers(block, "n_partial_frames").sum())
    totals.n_bases += int(length.sum())
    for name in CALLS:
        is_it = call == name
        totals.calls[name] += int(is_it.sum())
        totals.bases[name] += int(length[is_it].sum())
        totals.lengths[name] += np.histogram(length[is_it], LENGTH_EDGES)[0]
        totals.scores[name] += np.histogram(score[is_it & ~np.isnan(score)], SCORE_EDGES)[0]
    totals.probabilities += np.histogram(probability[~np.isnan(probability)], SCORE_EDGES)[0]
    tier = _texts(block, "tier")
    _count(totals.tiers, tier[call == "virus"])
    totals.n_unfamiliar += int((tier == "unfamiliar").sum())
    reason = _texts(block, "reason")
    for text, number in zip(*np.unique(reason, return_counts=True), strict=True):
        if _SET_ASIDE.search(text):
            totals.n_with_frames_set_aside += int(number)
    not_scorable = reason[call == "not-scorable"]
    _count(totals.reasons, np.array([_COUNTS.sub("", r) for r in not_scorable]))
    is_scored = call != "not-scorable"
    for limit in lengths:
        totals.n_shorter_than[limit] += int((length[is_scored] < limit).sum())
    _add_q_values(totals, _numbers(block, "q_value"), probability)


def _add_q_values(
    totals: CallTotals, q_value: NDArray[np.float64], probability: NDArray[np.float64]
) -> None:
    has_q = ~np.isnan(q_value)
    # The first limit that is not below the value: at that one and all later ones it counts.
    first = np.searchsorted(Q_LIMITS, q_value[has_q] - 1e-12)
    size = len(Q_LIMITS) + 1
    false = np.nan_to_num(1 - probability[has_q], nan=0.0)
    totals.at_most_q += np.bincount(first, minlength=size)[:-1].cumsum()
    totals.expected_false += np.bincount(first, weights=false, minlength=size)[:-1].cumsum()


def _count(counter: Counter[str], values: NDArray[np.str_]) -> None:
    for value, number in zip(*np.unique(values, return_counts=True), strict=True):
        counter[str(value)] += int(number)


class _Best:
    """The ``size`` records with the largest keys; no two keys are equal."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[tuple[float, ...], TopRecord]] = []

    def push(self, key: tuple[float, ...], record: TopRecord) -> None:
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, (key, record))
        else:
            heapq.heappushpop(self._heap, (key, record))

    def in_order(self) -> list[TopRecord]:
        return [record for _, record in sorted(self._heap, reverse=True)]


def _surest(block: pa.RecordBatch, n: int) -> list[int]:
    """Rows of the block's ``n`` highest by `TopRecord.rank`: the others need no Python object."""
    score, probability = _numbers(block, "virus_score"), _numbers(block, "probability")
    length, call = _numbers(block, "length"), _texts(block, "call")
    sure = np.round(np.where(np.isnan(probability), score, probability), 2)
    scored = np.flatnonzero(~np.isnan(score))
    tiers = _texts(block, "tier")[scored]
    tier = np.select([tiers == name for name in _TIER_RANKS], list(_TIER_RANKS.values()), 0)
    order = np.lexsort((-scored, length[scored], sure[scored], tier, call[scored] == "virus"))
    rows: list[int] = scored[order[::-1][:n]].tolist()
    return rows


def _longest(block: pa.RecordBatch, n: int) -> list[int]:
    """Rows of the block's ``n`` longest records called virus that have several windows."""
    length, is_virus = _numbers(block, "length"), _texts(block, "call") == "virus"
    several = np.flatnonzero(is_virus & (_numbers(block, "n_chunks") > 1))
    rows: list[int] = several[np.argsort(-length[several], kind="stable")[:n]].tolist()
    return rows


def _record(block: pa.RecordBatch, row: int, first: int) -> TopRecord:
    values = {name: block.column(name)[row].as_py() for name in _COLUMN_TYPES}
    del values["reason"], values["n_uninformative"], values["n_partial_frames"]
    values["tier"] = None if values["tier"] in ("NA", "") else values["tier"]
    return TopRecord(index=first + row, **values)


def _numbers(block: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    """float64 [R]; NaN for ``NA``."""
    values: NDArray[np.float64] = block.column(name).to_numpy(zero_copy_only=False)
    return values.astype(np.float64)


def _texts(block: pa.RecordBatch, name: str) -> NDArray[np.str_]:
    return np.asarray(block.column(name).to_pylist(), dtype=np.str_)
