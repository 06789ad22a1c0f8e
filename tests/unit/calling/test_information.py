"""Windows without information are no evidence for anything, and the results count them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.unit.calling.samples import ALL_STOPS, WINDOW, make_sample, stop_free
from tests.unit.calling.test_calibrated import MODEL
from tests.unit.calling.test_consensus import table
from virnucpro_core.calling import write_consensus

GAP, REPEAT = "N" * WINDOW, "AC" * (WINDOW // 2)


def test_every_record_says_what_it_lacks(tmp_path: Path) -> None:
    records = [
        ("gap", GAP * 2),
        ("repeat", REPEAT),
        ("both", GAP + REPEAT + GAP),
        ("stops", ALL_STOPS + GAP),
        ("some", stop_free(WINDOW) + GAP + stop_free(WINDOW, 2) + REPEAT),
        ("fine", stop_free(WINDOW)),
    ]
    sample = make_sample(tmp_path, records)
    summary = write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path / "out")
    rows = {row["id"]: row for row in table(tmp_path / "out")}
    assert {name: row["reason"] for name, row in rows.items()} == {
        "gap": "without information: unknown bases",
        "repeat": "without information: low complexity",
        "both": "without information: unknown bases, low complexity",
        "stops": "every frame has a stop codon; 1 of 2 windows without information: unknown bases",
        "some": "2 of 4 windows without information: unknown bases, low complexity",
        "fine": "NA",
    }
    called = {name for name, row in rows.items() if row["call"] != "not-scorable"}
    assert called == {"some", "fine"}
    counted = {name: int(row["n_uninformative"]) for name, row in rows.items()}
    assert counted == {"gap": 2, "repeat": 1, "both": 3, "stops": 1, "some": 2, "fine": 0}
    assert (summary.counts.unknown_windows, summary.counts.low_complexity_windows) == (6, 3)
    document = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert document["windows"] == {
        "total": 13,
        "scored": 3,
        "coverage": 1.0,
        "without_information": {"unknown_bases": 6, "low_complexity": 3},
    }
    frames = (tmp_path / "out" / "prediction_results.txt").read_text().splitlines()[1:]
    assert {frame.split("\t")[0][:-2] for frame in frames} == {
        "some_chunk_1", "some_chunk_3", "fine_chunk_1",
    }  # fmt: skip


def test_a_region_neither_begins_nor_ends_with_a_gap(tmp_path: Path) -> None:
    # 20 viral windows with a gap before, within and behind them.
    virus = "".join(stop_free(WINDOW, seed) for seed in range(20))
    half = len(virus) // 2
    contig = GAP * 20 + virus[:half] + GAP * 5 + virus[half:] + GAP * 20
    n_frames = len(make_sample(tmp_path / "draft", [("c", contig)]).frames)
    scores = np.tile(np.array([[0.01, 0.99]], np.float32), (n_frames, 1))
    sample = make_sample(tmp_path / "s", [("c", contig)], scores=scores, calibration=MODEL)
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path / "out")
    _, *lines = (tmp_path / "out" / "regions.bed").read_text().splitlines()
    (region,) = [line.split("\t") for line in lines]
    assert [int(region[column]) for column in (1, 2, 7)] == [20 * WINDOW, 45 * WINDOW, 20]
