"""The result files: what stands in them, and that nothing but the data decides it."""

from __future__ import annotations

import csv
import gzip
import random
from pathlib import Path

import numpy as np
import pytest

from tests.unit.calling import reference
from tests.unit.calling.samples import ALL_STOPS, make_sample, random_records, stop_free
from virnucpro_core.calling import RESULT_FILES, ConsensusSummary, Decision, write_consensus
from virnucpro_core.errors import UsageError

# Sums of a few products in float64, in another order than the reference's.
SCORE_TOLERANCE = 1e-12


FILES = (*RESULT_FILES, "viral.fasta.gz")


def counts(summary: ConsensusSummary) -> tuple[int, int, int, int, int]:
    """Records, virus, non-virus, not scorable, frames."""
    return (
        summary.n_records, summary.n_virus, summary.n_non_virus, summary.n_not_scorable,
        summary.counts.frames,
    )  # fmt: skip


def results(outdir: Path) -> dict[str, bytes]:
    return {name: (outdir / name).read_bytes() for name in FILES}


def table(outdir: Path) -> list[dict[str, str]]:
    with (outdir / "sequences.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_classic_files_equal_a_reference_in_plain_python(tmp_path: Path, seed: int) -> None:
    sample = make_sample(tmp_path, random_records(80, seed), seed=seed)
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    assert len(sample.frames) > 300
    frames = (tmp_path / "prediction_results.txt").read_text()
    assert frames == reference.frame_file(sample.frames)
    chunks = (tmp_path / "prediction_results_highestscore.csv").read_text()
    assert chunks == reference.chunk_file(sample.frames)


def test_every_record_has_its_row_in_input_order_with_its_score(tmp_path: Path) -> None:
    records = random_records(120, seed=4)
    sample = make_sample(tmp_path, records)
    summary = write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    rows = table(tmp_path)
    assert [row["id"] for row in rows] == [name.split()[0] for name, _ in records]
    expected = reference.record_scores(records, sample.frames)
    for row, (_, sequence) in zip(rows, records, strict=True):
        assert int(row["length"]) == len(sequence)
        assert (row["probability"], row["q_value"]) == ("NA", "NA")
        assert row["tier"] == ("not-scorable" if row["call"] == "not-scorable" else "NA")
        score = expected[row["id"]]
        if score is None:
            assert (row["virus_score"], row["call"]) == ("NA", "not-scorable")
        else:
            assert float(row["virus_score"]) == pytest.approx(score, abs=SCORE_TOLERANCE)
            called = "virus" if float(row["virus_score"]) >= 0.5 else "non-virus"
            assert (row["call"], row["reason"]) == (called, "NA")
    calls = [row["call"] for row in rows]
    kinds = [calls.count(call) for call in ("virus", "non-virus", "not-scorable")]
    assert counts(summary) == (120, *kinds, len(sample.frames))
    assert min(summary.n_virus, summary.n_non_virus, summary.n_not_scorable) > 5


def test_a_record_of_one_chunk_is_called_as_virnucpro_calls_the_chunk(tmp_path: Path) -> None:
    records = [(f"r{n}", stop_free(60, seed=n)) for n in range(100)]
    n_frames = len(make_sample(tmp_path / "count", records).frames)
    # The tie and the float32 numbers right beside it are the hard ones.
    half = np.float32(0.5)
    hard = np.array([np.nextafter(half, np.float32(0)), half, np.nextafter(half, np.float32(1))])
    scores = np.random.default_rng(5).choice(hard, (n_frames, 2), p=[0.9, 0.07, 0.03])
    sample = make_sample(tmp_path, records, scores=scores)
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    verdicts = reference.is_virus(sample.frames)
    calls = {f"{row['id']}_chunk_1": row["call"] == "virus" for row in table(tmp_path)}
    assert calls == verdicts
    assert 20 < sum(calls.values()) < 98


def test_reasons_of_records_that_cannot_be_scored(tmp_path: Path) -> None:
    records = [("none", ""), ("two", "AC"), ("stops", ALL_STOPS), ("fine", stop_free(60))]
    sample = make_sample(tmp_path, records)
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    rows = {row["id"]: row for row in table(tmp_path)}
    assert rows["none"]["reason"] == "empty"
    assert rows["two"]["reason"] == "shorter than one codon"
    assert rows["stops"]["reason"] == "every frame has a stop codon"
    assert [row["virus_score"] for row in rows.values()][:3] == ["NA"] * 3
    assert rows["fine"]["reason"] == "NA"


def test_chunk_scores_are_weighted_by_chunk_length(tmp_path: Path) -> None:
    # 61 bases at window 60: chunks of 60 and 31. Every frame of a chunk has the same score.
    records = [("r", stop_free(61))]
    lengths = [f.chunk_length for f in make_sample(tmp_path / "count", records).frames]
    assert set(lengths) == {60, 31}
    scores = np.array([[0.25, 0.75] if n == 60 else [0.5, 0.5] for n in lengths], np.float32)
    sample = make_sample(tmp_path, records, scores=scores)
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    score = float(table(tmp_path)[0]["virus_score"])
    assert score == pytest.approx((0.75 * 60 + 0.5 * 31) / 91, abs=SCORE_TOLERANCE)


@pytest.mark.parametrize(
    ("threshold", "call"),
    [(0.0, "virus"), (0.75, "virus"), (0.7500001, "non-virus"), (1.0, "non-virus")],
)
def test_the_threshold_itself_is_a_virus(tmp_path: Path, threshold: float, call: str) -> None:
    records = [("r", stop_free(60))]
    n_frames = len(make_sample(tmp_path / "count", records).frames)
    scores = np.tile(np.array([0.25, 0.75], np.float32), (n_frames, 1))
    sample = make_sample(tmp_path, records, scores=scores)
    decision = Decision("threshold", threshold)
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path, decision=decision)
    assert table(tmp_path)[0]["call"] == call


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_is_no_share_is_refused(threshold: float) -> None:
    with pytest.raises(UsageError, match="threshold"):
        Decision("threshold", threshold)


def test_scores_in_the_files_read_back_as_the_same_numbers(tmp_path: Path) -> None:
    scores = np.random.default_rng(6).random((10_000, 2), dtype=np.float32)
    scores[:100] *= np.float32(1e-30)
    records = [("r", stop_free(9_000))]
    n_frames = len(make_sample(tmp_path / "count", records).frames)
    sample = make_sample(tmp_path, records, scores=scores[:n_frames])
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    lines = (tmp_path / "prediction_results.txt").read_text().splitlines()[1:]
    read = np.array([line.split("\t")[2:] for line in lines], dtype=np.float32)
    np.testing.assert_array_equal(read, scores[:n_frames])


def test_viral_records_are_as_in_the_input(tmp_path: Path) -> None:
    records = random_records(100, seed=7)
    sample = make_sample(tmp_path, records)
    write_consensus(sample.records, sample.score_paths, sample.reads, tmp_path)
    calls = [row["call"] for row in table(tmp_path)]
    viral = [r for r, call in zip(records, calls, strict=True) if call == "virus"]
    assert len(viral) > 10
    text = gzip.decompress((tmp_path / "viral.fasta.gz").read_bytes()).decode()
    assert text == "".join(f">{name}\n{sequence}\n" for name, sequence in viral)


@pytest.mark.parametrize("block_records", [3, 10, 1000])
def test_viral_records_when_blocks_and_batches_end_at_different_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_records: int
) -> None:
    records = random_records(60, seed=9)
    sample = make_sample(tmp_path, records)
    monkeypatch.setattr("virnucpro_core.sequences._reader.BATCH_RECORDS", 7)
    write_consensus(
        sample.records, sample.score_paths, sample.reads, tmp_path, block_records=block_records
    )
    viral = {row["id"] for row in table(tmp_path) if row["call"] == "virus"}
    text = gzip.decompress((tmp_path / "viral.fasta.gz").read_bytes()).decode()
    expected = [f">{n}\n{sequence}\n" for n, sequence in records if n.split()[0] in viral]
    assert len(expected) > 10
    assert text == "".join(expected)


def test_results_do_not_depend_on_order_shards_blocks_or_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = random_records(40, seed=8)
    expected = None
    # Frames in a shard (a few, so that chunks are split), records in a block, lines in memory.
    cuts = [(10_000, 65_536, 500_000), (7, 1, 10), (4, 5, 3)]
    for number, (shard, block, lines) in enumerate(cuts):
        sample = make_sample(tmp_path / str(number), records, shard_frames=shard)
        paths = list(sample.score_paths)
        random.Random(number).shuffle(paths)
        monkeypatch.setattr("time.time", lambda number=number: 1e9 + 1e6 * number)
        outdir = tmp_path / f"out{number}"
        write_consensus(
            sample.records, paths, sample.reads, outdir, block_records=block, sort_lines=lines
        )
        expected = expected or results(outdir)
        assert results(outdir) == expected
        assert sorted(p.name for p in outdir.iterdir()) == sorted(FILES)


def test_two_score_files_in_either_order(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, [("a", stop_free(60)), ("b", stop_free(60, 2))], shard_frames=4)
    paths = sample.score_paths
    assert len(paths) >= 2
    write_consensus(sample.records, paths, sample.reads, tmp_path / "1")
    write_consensus(sample.records, paths[::-1], sample.reads, tmp_path / "2")
    assert results(tmp_path / "1") == results(tmp_path / "2")


def test_no_records(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, [])
    summary = write_consensus(sample.records, [], sample.reads, tmp_path)
    assert counts(summary) == (0, 0, 0, 0, 0)
    assert table(tmp_path) == []
    assert (tmp_path / "prediction_results.txt").read_text() == reference.frame_file([])
    assert gzip.decompress((tmp_path / "viral.fasta.gz").read_bytes()) == b""


def test_records_without_any_frame(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, [("a", ""), ("b", ALL_STOPS)])
    assert sample.score_paths == []
    summary = write_consensus(sample.records, [], sample.reads, tmp_path)
    assert counts(summary) == (2, 0, 0, 2, 0)
    assert [row["call"] for row in table(tmp_path)] == ["not-scorable"] * 2
    highest = (tmp_path / "prediction_results_highestscore.csv").read_text()
    assert highest == reference.chunk_file([])
