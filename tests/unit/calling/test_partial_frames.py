"""Windows whose frames all have a stop: what their longest stretches say, and on how much."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from tests.unit.calling.samples import (
    ALL_STOPS,
    WINDOW,
    edit_scores,
    make_sample,
    random_records,
    stop_free,
)
from tests.unit.calling.test_calibrated import MODEL
from tests.unit.calling.test_consensus import table
from tests.unit.sequences import reference
from virnucpro_core.calling import write_consensus
from virnucpro_core.errors import StoreError
from virnucpro_core.store import RecordTable, SetAside, read_scores


def mixed_records() -> list[tuple[str, str]]:
    """Records with windows that have complete frames, none, and no information."""
    rng = random.Random(3)
    records = random_records(80, seed=3)
    for number in range(80):
        parts = [
            ALL_STOPS,
            stop_free(WINDOW, number),
            "N" * WINDOW,
            "".join(rng.choices("ACGT", k=45)),
        ]
        records.append((f"m{number}", "".join(rng.choices(parts, k=rng.randint(1, 4)))))
    return records


def expected_columns(sequence: str) -> tuple[int, int, str]:
    """``n_frames``, ``n_partial_frames`` and ``coverage`` of a record, in plain Python."""
    n_frames = n_partial = scored = covered = 0
    for start, length in reference.windows(len(sequence), WINDOW):
        window = sequence[start : start + length]
        if reference.information(window) != "enough":
            continue
        frames = reference.longest_frames(window)
        n_frames += len(frames)
        n_partial += bool(frames) and not reference.frames(window)
        if frames:
            scored += length
            covered += 3 * max(len(protein) for *_, protein in frames)
    return n_frames, n_partial, str(round(covered / scored, 4)) if scored else "NA"


def test_every_record_with_information_has_an_answer_and_says_on_what(tmp_path: Path) -> None:
    records = mixed_records()
    sample = make_sample(
        tmp_path, records, shard_frames=37, calibration=MODEL, frame_rule="longest",
        trained_rule="longest",
    )  # fmt: skip
    summary = write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    partial = 0
    for row, (_, sequence) in zip(table(tmp_path), records, strict=True):
        n_frames, n_partial, coverage = expected_columns(sequence)
        found = row["n_frames"], row["n_partial_frames"], row["coverage"]
        assert found == (str(n_frames), str(n_partial), coverage)
        partial += n_partial
        # Nothing else than the want of information, or of a codon, leaves a record without.
        has_information = any(
            length >= 3 and reference.information(sequence[start : start + length]) == "enough"
            for start, length in reference.windows(len(sequence), WINDOW)
        )
        assert (row["call"] == "not-scorable") is not has_information
        assert "stop codon" not in row["reason"]
    assert partial == summary.counts.partial > 40
    assert summary.warnings == () or "frames were found" not in summary.warnings[0]
    document = json.loads((tmp_path / "summary.json").read_text())
    assert document["frames"] == {
        "rule": "longest", "total": len(sample.frames), "partial": partial, "set_aside": 0,
    }  # fmt: skip
    assert 0.5 < document["windows"]["coverage"] < 1


def test_complete_frames_cover_their_windows_but_for_the_ends(tmp_path: Path) -> None:
    records = mixed_records()
    sample = make_sample(tmp_path, records)
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    rows = table(tmp_path)
    assert {row["n_partial_frames"] for row in rows} == {"0"}
    for row in rows:
        assert (row["coverage"] == "NA") is (row["call"] == "not-scorable")
        assert row["coverage"] == "NA" or 0.5 < float(row["coverage"]) <= 1
    document = json.loads((tmp_path / "summary.json").read_text())
    assert document["frames"]["rule"] == "complete"


def test_each_frame_has_its_share_of_the_window(tmp_path: Path) -> None:
    records = mixed_records()
    sample = make_sample(tmp_path, records, frame_rule="longest")
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    expected = {}
    for name, sequence in records:
        for k, (start, length) in enumerate(reference.windows(len(sequence), WINDOW)):
            for frame, *_, protein in reference.longest_frames(sequence[start : start + length]):
                key = (name.split()[0], k + 1, frame)
                expected[key] = 3 * len(protein) / length
    rows = parquet.read_table(tmp_path / "scores.parquet").to_pylist()
    assert len(rows) == len(sample.frames) > 200
    for row in rows:
        share = expected[row["record"], row["chunk"], row["frame"]]
        assert row["coverage"] == pytest.approx(share, rel=1e-6)  # float32


def test_a_frame_that_was_set_aside_covers_nothing(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, [("r", ALL_STOPS + stop_free(WINDOW))], frame_rule="longest")
    (path,) = sample.score_paths
    scores = read_scores(path)
    status = np.where(scores.chunk == 1, SetAside.MEMORY, SetAside.EMBEDDED).astype(np.uint8)
    values = np.where(status[:, None] > 0, np.nan, scores.scores).astype(np.float32)
    edit_scores(path, set_aside=status, scores=values)
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    (row,) = table(tmp_path)
    assert (row["n_partial_frames"], row["coverage"]) == ("1", "1.0")
    assert row["reason"].startswith("1 of 7 frames set aside")


@pytest.mark.parametrize(("found", "trained"), [("longest", "complete"), ("complete", "longest")])
def test_frames_of_another_rule_than_the_classifier_s_are_told(
    tmp_path: Path, found: str, trained: str
) -> None:
    rules = {"frame_rule": found, "trained_rule": trained}
    sample = make_sample(tmp_path, random_records(20, seed=1), **rules)  # type: ignore[arg-type]
    summary = write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    (warning,) = summary.warnings
    assert warning.startswith(
        f"frames were found by the rule '{found}', but the model's classifier was trained and "
        f"calibrated on those of the rule '{trained}'"
    )


def test_scores_of_another_rule_than_the_record_table_are_refused(tmp_path: Path) -> None:
    records = [("a", stop_free(WINDOW)), ("b", stop_free(WINDOW, 2))]
    complete = make_sample(tmp_path / "c", records)
    longest = make_sample(tmp_path / "l", records, frame_rule="longest")
    message = r"scores of frames by the rule longest, s\.records\.h5 is of complete"
    with pytest.raises(StoreError, match=message):
        write_consensus(complete.records, longest.score_paths, complete.reads, tmp_path / "out")


def test_the_record_table_knows_the_rule_without_any_frame(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, [("gap", "N" * 90)], frame_rule="longest")
    assert sample.score_paths == []
    summary = write_consensus(sample.records, [], sample.reads, tmp_path)
    assert (summary.frame_rule, summary.warnings) == ("longest", ())
    (row,) = table(tmp_path)
    assert row["reason"] == "without information: unknown bases"
    assert RecordTable.open(sample.records.path).frame_rule == "longest"
