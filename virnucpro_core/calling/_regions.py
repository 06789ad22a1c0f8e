"""Viral regions of records with several windows, such as a provirus in a contig of its host.

Shape letters: ``R`` records of a block, ``C`` chunks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import Calibration, logit, sigmoid
from virnucpro_core.calling._chunks import ChunkScores
from virnucpro_core.calling._segments import maximal_segments
from virnucpro_core.sequences import window_starts

__all__ = [
    "LEAST_EVIDENCE",
    "LEAST_LENGTH",
    "REGIONS_HEADER",
    "Region",
    "RegionFinder",
    "bed_lines",
]

REGIONS_HEADER = (
    b"#record\tstart\tend\tname\tscore\tstrand\tmean_probability\tn_windows\tevidence\n"
)

LEAST_LENGTH = 1000
"""Bases of the shortest region: a few windows that agree, not a single wrong one."""

LEAST_EVIDENCE = math.log(20)
"""Evidence of the weakest region: 20 times likelier under virus than under the other class."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region that looks viral.

    Attributes:
        record_index: number of its record in the input, from 0.
        start, end: first base, from 0, and the one behind the last.
        mean_probability: of its scored windows, at the calibration's prevalence.
        n_windows: its scored windows.
        evidence: of these windows together, as for a record.
    """

    record_index: int
    start: int
    end: int
    mean_probability: float
    n_windows: int
    evidence: float


class RegionFinder:
    """Finds the regions of the records of a block, whose chunks come as a stream in input order.

    A window scores its evidence times its share of a full window; regions are the maximal scoring
    segments of the scored windows of a record. A window without a scored frame is no evidence and
    ends no region.

    Args:
        first: number of the first record.
        lengths: int64 [R], in bases.
        window_size: bases in a full window.
    """

    def __init__(
        self, first: int, lengths: NDArray[np.int64], window_size: int, calibration: Calibration
    ) -> None:
        self._first = first
        self._lengths = lengths
        self._window_size = window_size
        self._calibration = calibration
        self._waiting = _NO_WINDOWS

    def add(self, chunks: ChunkScores, log_odds: NDArray[np.float64]) -> Iterator[Region]:
        """Take ``chunks`` and give the regions of all records but the last, which may go on.

        Args:
            log_odds: float64 [C], of the chunks.
        """
        is_long = self._lengths[chunks.record_index - self._first] >= LEAST_LENGTH
        added = _Windows(chunks.record_index, chunks.chunk, chunks.length, log_odds).rows(is_long)
        windows = self._waiting.followed_by(added)
        bounds = np.flatnonzero(np.diff(windows.record_index)) + 1
        starts = [0, *bounds.tolist()]
        for start, stop in pairwise(starts):
            yield from self._regions(windows.rows(slice(start, stop)))
        self._waiting = windows.rows(slice(starts[-1], None))

    def finish(self) -> Iterator[Region]:
        """Give the regions of the last record."""
        yield from self._regions(self._waiting)

    def _regions(self, windows: _Windows) -> Iterator[Region]:
        beyond = windows.log_odds - logit(self._calibration.prevalence)
        share = windows.length / self._window_size
        for start, stop in maximal_segments((beyond * share).tolist()):
            region = self._region(windows.rows(slice(start, stop)))
            if region.end - region.start >= LEAST_LENGTH and region.evidence >= LEAST_EVIDENCE:
                yield region

    def _region(self, windows: _Windows) -> Region:
        ends = windows.rows(np.array([0, -1]))
        record = int(windows.record_index[0])
        record_length = np.full(2, self._lengths[record - self._first])
        starts = window_starts(record_length, ends.chunk, self._window_size)
        length = windows.length.astype(np.float64)
        evidence = self._calibration.record_evidence(
            np.array([length @ windows.log_odds]),
            np.array([windows.length.sum()]),
            np.array([length @ length]),
        )
        return Region(
            record,
            int(starts[0]),
            int(starts[1] + ends.length[1]),
            float(sigmoid(windows.log_odds).mean()),
            len(windows.chunk),
            float(evidence[0]),
        )


@dataclass(frozen=True, slots=True)
class _Windows:
    """Scored windows: record, number, length in bases, log-odds; one row each."""

    record_index: NDArray[np.int64]
    chunk: NDArray[np.integer]
    length: NDArray[np.integer]
    log_odds: NDArray[np.float64]

    def rows(self, rows: slice | NDArray[np.bool_] | NDArray[np.int64]) -> _Windows:
        return _Windows(
            self.record_index[rows], self.chunk[rows], self.length[rows], self.log_odds[rows]
        )

    def followed_by(self, other: _Windows) -> _Windows:
        return _Windows(
            np.concatenate([self.record_index, other.record_index]),
            np.concatenate([self.chunk, other.chunk]),
            np.concatenate([self.length, other.length]),
            np.concatenate([self.log_odds, other.log_odds]),
        )


_NO_WINDOWS = _Windows(
    np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float64)
)


def bed_lines(regions: Iterable[Region], ids: Sequence[str], first: int) -> Iterator[bytes]:
    """A BED line for every region; its name is the record's with ``_region_<n>``, n from 1.

    Args:
        regions: all of a record one after another.
        ids: record ids, from record number ``first`` on.
        first: number of the record that ``ids`` begins with.
    """
    record, number = -1, 0
    for region in regions:
        number = number + 1 if region.record_index == record else 1
        record = region.record_index
        name = ids[record - first]
        columns = (
            name, region.start, region.end, f"{name}_region_{number}",
            round(1000 * region.mean_probability), ".", f"{region.mean_probability:.4f}",
            region.n_windows, f"{region.evidence:.3f}",
        )  # fmt: skip
        yield ("\t".join(map(str, columns)) + "\n").encode()
