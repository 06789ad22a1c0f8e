"""Window tracks: the windows of the records that were asked for, and of no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from virnucpro_core.errors import StoreError
from virnucpro_core.reporting._window_tracks import Region, read_regions, read_window_tracks


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Three records; the second has two windows, one frame of which was set aside."""
    table = pa.table({
        "record": ["a", "b", "b", "b", "b", "c"],
        "record_index": pa.array([0, 1, 1, 1, 1, 2], pa.int64()),
        "chunk": pa.array([1, 1, 1, 2, 2, 1], pa.int32()),
        "chunk_start": pa.array([0, 0, 0, 450, 450, 0], pa.int64()),
        "chunk_length": pa.array([90, 500, 500, 150, 150, 80], pa.int32()),
        "frame": ["F1", "F1", "R2", "F1", "F2", "F3"],
        "score1": pa.array([0.5, 0.8, 0.3, 0.1, None, None], pa.float32()),
        "score2": pa.array([0.5, 0.2, 0.7, 0.9, None, None], pa.float32()),
        "set_aside": [None, None, None, None, "why", "why"],
        "window_log_odds": pa.array([0, 1, 1, 3, 3, None], pa.float32()),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "scores.parquet", row_group_size=2)
    return tmp_path / "scores.parquet"


def test_windows_take_the_largest_score_of_each_class(scores: Path) -> None:
    track = read_window_tracks(scores, [1])[1]
    assert track.start.tolist() == [0, 450]
    assert track.length.tolist() == [500, 150]
    assert track.virus_score == pytest.approx([0.7 / 1.5, 0.9])
    assert track.probability is not None
    assert track.probability == pytest.approx(1 / (1 + np.exp([-1.0, -3.0])))


def test_a_record_without_a_score_has_no_track(scores: Path) -> None:
    assert set(read_window_tracks(scores, [0, 2, 77])) == {0}
    assert read_window_tracks(scores, []) == {}


def test_without_a_calibration_there_are_no_probabilities(scores: Path) -> None:
    table = pq.read_table(scores)
    at = table.schema.get_field_index("window_log_odds")
    table = table.set_column(at, "window_log_odds", pa.nulls(len(table), pa.float32()))
    pq.write_table(table, scores)
    assert read_window_tracks(scores, [1])[1].probability is None


def test_a_table_without_the_columns_is_an_error(scores: Path) -> None:
    pq.write_table(pq.read_table(scores).drop_columns(["record_index"]), scores)
    with pytest.raises(StoreError, match="is not a table of scores"):
        read_window_tracks(scores, [1])


def test_regions_of_the_records_that_were_asked_for(tmp_path: Path) -> None:
    bed = tmp_path / "regions.bed"
    bed.write_text("a\t0\t10\nb\t5\t9\tname\t900\na\t20\t30\n")
    assert read_regions(bed, ["a", "z"]) == {"a": [Region(0, 10), Region(20, 30)]}
