"""scores.parquet: every frame, with what led to its record's call, in bytes that do not vary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from tests.unit.calling.samples import (
    ALL_STOPS,
    BUNDLE,
    edit_scores,
    make_sample,
    random_records,
    stop_free,
)
from tests.unit.calling.test_calibrated import MODEL, consensus, sample_of
from virnucpro_core.calling import virus_score
from virnucpro_core.calling._frame_table import FrameTable
from virnucpro_core.calling._score_files import select_frames
from virnucpro_core.errors import StoreError
from virnucpro_core.sequences import cut_windows
from virnucpro_core.store import SetAside, read_scores

COLUMNS = {
    "record": "string",
    "record_index": "int64",
    "chunk": "int32",
    "chunk_start": "int64",
    "chunk_length": "int32",
    "frame": "string",
    "score1": "float",
    "score2": "float",
    "set_aside": "string",
    "window_log_odds": "float",
    "coverage": "float",
}


def test_columns_and_labels_are_the_documented_ones(tmp_path: Path) -> None:
    consensus(sample_of(tmp_path, n_records=30), tmp_path / "out")
    schema = parquet.read_schema(tmp_path / "out" / "scores.parquet")
    assert {field.name: str(field.type) for field in schema} == COLUMNS
    assert {name: schema.metadata[name] for name in (b"schema_version", b"sample")} == {
        b"schema_version": b"1",
        b"sample": b"s",
    }
    assert schema.metadata[b"bundle_sha256"] == BUNDLE.encode()
    file = parquet.ParquetFile(tmp_path / "out" / "scores.parquet")
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_rows_are_the_frames_with_their_windows(tmp_path: Path) -> None:
    records = random_records(60, seed=2)
    sample = make_sample(tmp_path, records, shard_frames=50, calibration=MODEL)
    consensus(sample, tmp_path / "out")
    rows = parquet.read_table(tmp_path / "out" / "scores.parquet").to_pylist()
    assert [f"{r['record']}_chunk_{r['chunk']}{r['frame']}" for r in rows] == [
        f.id for f in sample.frames
    ]
    lengths = np.array([len(sequence) for _, sequence in records])
    windows = cut_windows(lengths, 60)
    starts = {
        (record, chunk): start
        for record, chunk, start in zip(
            windows.record.tolist(), windows.chunk.tolist(), windows.start.tolist(), strict=True
        )
    }
    maxima: dict[tuple[int, int], list[float]] = {}
    for row, frame in zip(rows, sample.frames, strict=True):
        assert row["record"] == records[row["record_index"]][0].split()[0]
        assert row["chunk_start"] == starts[row["record_index"], row["chunk"]]
        assert row["chunk_length"] == frame.chunk_length
        assert np.float32(row["score1"]) == np.float32(frame.score1)
        assert np.float32(row["score2"]) == np.float32(frame.score2)
        assert row["set_aside"] is None
        best = maxima.setdefault((row["record_index"], row["chunk"]), [0, 0])
        best[:] = max(best[0], row["score1"]), max(best[1], row["score2"])
    for row in rows:
        score = virus_score(np.array([maxima[row["record_index"], row["chunk"]]]))
        expected = MODEL.window_log_odds(score, np.array([row["chunk_length"]]))
        assert row["window_log_odds"] == pytest.approx(expected[0], rel=1e-6)  # float32


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    sample = make_sample(
        tmp_path, [("a", stop_free(60)), ("b", stop_free(60, 2))], calibration=MODEL
    )
    (path,) = sample.score_paths
    scores = read_scores(path)
    status = np.where(scores.record_index == 0, SetAside.NOT_FINITE, 0).astype(np.uint8)
    status[-1] = SetAside.MEMORY
    values = np.where(status[:, None] > 0, np.nan, scores.scores).astype(np.float32)
    edit_scores(path, set_aside=status, scores=values)
    consensus(sample, tmp_path / "out")
    rows = parquet.read_table(tmp_path / "out" / "scores.parquet").to_pylist()
    for row in rows[:-1]:
        lost = row["record"] == "a"
        assert row["set_aside"] == ("embedding is not finite" if lost else None)
        for name in ("score1", "score2", "window_log_odds"):
            assert (row[name] is None) is lost
    # Its window has other frames that were scored.
    last = rows[-1]
    assert (last["set_aside"], last["score2"]) == ("does not fit the device's memory", None)
    assert last["window_log_odds"] == rows[-2]["window_log_odds"]


def test_without_a_calibration_there_are_no_log_odds(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, [("a", stop_free(60))])
    consensus(sample, tmp_path / "out")
    rows = parquet.read_table(tmp_path / "out" / "scores.parquet")
    assert rows["window_log_odds"].null_count == len(rows) > 0


def test_a_sample_without_frames_has_a_table_without_rows(tmp_path: Path) -> None:
    consensus(make_sample(tmp_path, [("a", ALL_STOPS)]), tmp_path / "out")
    table = parquet.read_table(tmp_path / "out" / "scores.parquet")
    assert (len(table), table.column_names) == (0, list(COLUMNS))


def test_row_groups_and_bytes_do_not_depend_on_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrameTable, "GROUP_ROWS", 64)
    sample = make_sample(tmp_path, random_records(60, seed=2), shard_frames=10_000)
    frames = read_scores(sample.score_paths[0])
    ids = [name.decode() for name in next(sample.records.blocks()).ids]
    contents = set()
    for step in (1, 7, 64, 10_000):
        path = tmp_path / f"{step}.parquet"
        with FrameTable(path, {"sample": "s"}) as table:
            for start in range(0, len(frames), step):
                part = select_frames(frames, slice(start, start + step))
                table.add(part, ids, 0, part.record_index, part.scores[:, 0].astype(np.float64))
        groups = parquet.ParquetFile(path).metadata
        sizes = [groups.row_group(n).num_rows for n in range(groups.num_row_groups)]
        assert sizes == [64] * (len(frames) // 64) + [len(frames) % 64]
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = make_sample(tmp_path, [("a", stop_free(60))])

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet.ParquetWriter, "write_table", full)
    with pytest.raises(StoreError, match=r"scores.parquet: cannot be written .*No space left"):
        consensus(sample, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
