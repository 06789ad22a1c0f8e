"""Where along a record its windows look viral, from ``scores.parquet`` and ``regions.bed``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from virnucpro_core.errors import StoreError

__all__ = ["Region", "WindowTrack", "read_regions", "read_window_tracks"]

_COLUMNS = [
    "record_index", "chunk", "chunk_start", "chunk_length", "score1", "score2", "window_log_odds",
]  # fmt: skip
_BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class WindowTrack:
    """The ``W`` scored windows of a record, in order.

    Attributes:
        start: int64 [W], first base of each, from 0.
        length: int64 [W], bases.
        virus_score: float64 [W], 0 to 1.
        probability: float64 [W], calibrated; None without a calibration.
    """

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    virus_score: NDArray[np.float64]
    probability: NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch that was called viral: bases ``start`` (from 0) up to but without ``end``."""

    start: int
    end: int


def read_window_tracks(scores: Path, record_indices: Collection[int]) -> dict[int, WindowTrack]:
    """The tracks of some records, by the record's number; records without a scored frame have none.

    Row groups without any of these records are not read.

    Raises:
        StoreError: the file cannot be read, or is no table of scores.
    """
    wanted = np.array(sorted(record_indices), dtype=np.int64)
    rows: list[pa.RecordBatch] = []
    try:
        # Not by its name, which pyarrow takes only if all of it is UTF-8.
        with scores.open("rb") as raw, pq.ParquetFile(raw) as file:
            groups = [g for g in range(file.num_row_groups) if _may_hold(file, g, wanted)]
            for batch in file.iter_batches(_BATCH_ROWS, groups, _COLUMNS, use_threads=False):
                is_wanted = np.isin(batch.column("record_index").to_numpy(), wanted)
                if is_wanted.any():
                    rows.append(batch.filter(pa.array(is_wanted)))
    except (OSError, KeyError, pa.ArrowException) as error:
        raise StoreError(
            f"is not a table of scores ({error})",
            where=str(scores),
            remedy="give the scores.parquet of this sample",
        ) from error
    if not rows:
        return {}
    table = pa.Table.from_batches(rows)
    columns = {name: table.column(name).to_numpy() for name in _COLUMNS}
    record = columns["record_index"]
    tracks = {int(r): _track(columns, record == r) for r in np.unique(record)}
    return {record: track for record, track in tracks.items() if len(track)}


def _may_hold(file: pq.ParquetFile, group: int, wanted: NDArray[np.int64]) -> bool:
    metadata = file.metadata.row_group(group)
    index = file.schema_arrow.get_field_index("record_index")
    if index < 0:
        raise KeyError("no column record_index")
    statistics = metadata.column(index).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(((wanted >= statistics.min) & (wanted <= statistics.max)).any())


def _track(columns: dict[str, NDArray[np.generic]], rows: NDArray[np.bool_]) -> WindowTrack:
    """Frames to windows: the rule of VirNucPro, the largest score of each class."""
    of = {name: column[rows] for name, column in columns.items()}
    scored = ~np.isnan(of["score1"].astype(np.float64))
    of = {name: column[scored] for name, column in of.items()}
    _, first, window = np.unique(of["chunk"], return_index=True, return_inverse=True)
    largest = np.zeros((2, len(first)))
    np.maximum.at(largest[0], window, of["score1"].astype(np.float64))
    np.maximum.at(largest[1], window, of["score2"].astype(np.float64))
    log_odds = of["window_log_odds"][first].astype(np.float64)
    return WindowTrack(
        start=of["chunk_start"][first].astype(np.int64),
        length=of["chunk_length"][first].astype(np.int64),
        virus_score=largest[1] / (largest[0] + largest[1]),
        probability=None if np.isnan(log_odds).all() else 1 / (1 + np.exp(-log_odds)),
    )


def read_regions(bed: Path, ids: Collection[str]) -> dict[str, list[Region]]:
    """The regions of some records, by id. BED: tab-separated id, start, end, and what follows.

    Raises:
        StoreError: the file cannot be read, or a line is none of BED.
    """
    wanted = set(ids)
    regions: dict[str, list[Region]] = {}
    number = 0
    try:
        with bed.open(encoding="utf-8") as lines:
            for line in lines:
                number += 1
                fields = line.rstrip("\n").split("\t")
                if fields[0] in wanted:
                    region = Region(int(fields[1]), int(fields[2]))
                    regions.setdefault(fields[0], []).append(region)
    except OSError as error:
        raise StoreError(f"cannot be read ({error})", where=str(bed)) from error
    except (IndexError, ValueError) as error:
        raise StoreError(f"is not BED ({error})", where=f"{bed}:{number}") from error
    return regions
