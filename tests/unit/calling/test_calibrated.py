"""Calls by calibrated probability: as plain Python makes them, by nothing but the data."""

from __future__ import annotations

import gzip
import json
import math
import random
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from tests.bundles import CALIBRATION
from tests.unit.calling import reference
from tests.unit.calling.samples import (
    Record,
    Sample,
    edit_scores,
    fasta,
    fastq,
    make_sample,
    random_records,
    stop_free,
)
from tests.unit.calling.test_consensus import results, table
from virnucpro_core.calling import Calibration, ConsensusSummary, Decision, write_consensus
from virnucpro_core.calling._frame_table import FrameTable
from virnucpro_core.errors import StoreError, UsageError
from virnucpro_core.sequences import ReadFiles
from virnucpro_core.store import SetAside, read_scores

MODEL = Calibration.parse(CALIBRATION, "bundle.json")

# Exponentials and logarithms of float64, in another order than the reference's.
TOLERANCE = 1e-9


def sample_of(folder: Path, n_records: int = 400, **changes: Any) -> Sample:
    return make_sample(
        folder, random_records(n_records, seed=1), shard_frames=300, calibration=MODEL, **changes
    )


def consensus(
    sample: Sample, outdir: Path, decision: Decision | None = None, **options: Any
) -> ConsensusSummary:
    return write_consensus(
        sample.records, sample.score_paths, sample.reads, outdir, decision=decision, **options
    )


def expected_evidence(sample: Sample) -> dict[str, float]:
    """Evidence for every scored record, by its windows, as docs/output.md says it."""
    windows: dict[str, list[tuple[float, int]]] = {}
    chunks: dict[str, list] = {}
    for frame in sample.frames:
        chunks.setdefault(frame.id[:-2], []).append(frame)
    for name, frames in chunks.items():
        score1 = max(reference.float32(f.score1) for f in frames)
        score2 = max(reference.float32(f.score2) for f in frames)
        length = frames[0].chunk_length
        # 1.19e-7 is what float32 can tell from 0.
        score = min(max(score2 / (score1 + score2), 2**-23), 1 - 2**-23)
        slope, intercept = (0.5, -0.25) if length < 50 else (2.0, 0.5)
        log_odds = slope * math.log(score / (1 - score)) + intercept
        windows.setdefault(name.rpartition("_chunk_")[0], []).append((log_odds, length))
    evidence = {}
    for name, members in windows.items():
        total = sum(w for _, w in members)
        effective = total**2 / sum(w * w for _, w in members)
        mean = sum(l * w for l, w in members) / total  # noqa: E741
        evidence[name] = mean * effective**0.5
    return evidence


def test_probabilities_and_q_values_equal_a_reference_in_plain_python(tmp_path: Path) -> None:
    sample = sample_of(tmp_path)
    summary = consensus(sample, tmp_path / "out", Decision("fdr", 0.3), prevalence=0.5)
    evidence = expected_evidence(sample)
    expected = {name: 1 / (1 + math.exp(-e)) for name, e in evidence.items()}
    errors = sorted(1 - p for p in expected.values())
    rows = table(tmp_path / "out")
    n_called = 0
    for row in rows:
        if row["id"] not in expected:
            assert (row["call"], row["probability"], row["q_value"], row["tier"]) == (
                "not-scorable", "NA", "NA", "not-scorable",
            )  # fmt: skip
            continue
        probability, q_value = float(row["probability"]), float(row["q_value"])
        assert probability == pytest.approx(expected[row["id"]], rel=TOLERANCE)
        as_sure = [error for error in errors if error <= 1 - expected[row["id"]] + TOLERANCE]
        assert q_value == pytest.approx(sum(as_sure) / len(as_sure), abs=TOLERANCE)
        assert row["call"] == ("virus" if q_value <= 0.3 else "non-virus")
        assert row["tier"] in ("high", "medium", "low")
        assert (row["reason"] == "NA") is (row["tier"] == "high")
        n_called += row["call"] == "virus"
    assert summary.n_virus == n_called
    assert 20 < n_called < 300
    assert summary.expected_viruses == pytest.approx(sum(expected.values()), rel=TOLERANCE)


def test_many_windows_that_agree_are_surer_than_one(tmp_path: Path) -> None:
    rng = random.Random(1)
    records = [(f"r{n}", "".join(rng.choices("ACG", k=60 * n))) for n in (1, 4, 16)]
    n_frames = len(make_sample(tmp_path / "draft", records).frames)
    scores = np.tile(np.array([0.4, 0.6], np.float32), (n_frames, 1))
    sample = make_sample(tmp_path / "s", records, scores=scores, calibration=MODEL)
    consensus(sample, tmp_path / "out", prevalence=0.5)
    log_odds = [
        math.log(p / (1 - p)) for r in table(tmp_path / "out") if (p := float(r["probability"]))
    ]
    one = 2 * math.log(0.6 / 0.4) + 0.5
    # With exponent 0.5: 1, 2 and 4 times the evidence of one window. float32 scores: 1e-6.
    np.testing.assert_allclose(log_odds, [one, 2 * one, 4 * one], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, {"rule": "preset", "cutoff": 0.5, "preset": "balanced"}),
        (
            {"decision": Decision.of_preset("strict"), "prevalence": 0.1},
            {"rule": "preset", "cutoff": 0.9, "preset": "strict"},
        ),
        ({"decision": Decision("fdr", 0.05)}, {"rule": "fdr", "cutoff": 0.05, "preset": None}),
        (
            {"decision": Decision("threshold", 0.7)},
            {"rule": "threshold", "cutoff": 0.7, "preset": None},
        ),
    ],
)
def test_the_summary_says_how_the_calls_were_made(
    tmp_path: Path, options: dict[str, Any], rule: dict[str, Any]
) -> None:
    consensus(sample_of(tmp_path), tmp_path / "out", **options)
    rows = table(tmp_path / "out")
    summary = read_summary(tmp_path / "out")
    assert summary["decision"] == rule
    value = {"threshold": "virus_score", "preset": "probability", "fdr": "q_value"}[rule["rule"]]
    for row in rows:
        if row["call"] != "not-scorable":
            is_above = float(row[value]) >= rule["cutoff"]
            is_virus = row["call"] == "virus"
            assert is_virus is (float(row[value]) <= 0.05 if value == "q_value" else is_above)
    calls = [row["call"] for row in rows]
    assert summary["records"] == {
        "total": 400,
        "virus": calls.count("virus"),
        "non_virus": calls.count("non-virus"),
        "not_scorable": calls.count("not-scorable"),
    }
    for call, tiers in summary["tiers"].items():
        mine = [row["tier"] for row in rows if row["call"] == call.replace("_", "-")]
        assert tiers == {tier: mine.count(tier) for tier in ("high", "medium", "low")}
    assert summary["prevalence"]["source"] == (
        "given" if "prevalence" in options else "calibration"
    )
    assert summary["calibration"] == CALIBRATION
    assert len(summary["warnings"]) == (0 if "prevalence" in options else 1)
    lengths = [int(row["length"]) for row in rows]
    assert summary["lengths"]["max"] == max(lengths)
    assert summary["lengths"]["median"] == np.median(lengths)
    assert summary["total_bases"] == sum(lengths)


def read_summary(outdir: Path) -> dict[str, Any]:
    """The summary, which its schema must allow."""
    schema = resources.files("virnucpro_core.calling").joinpath("summary.schema.json").read_text()
    document: dict[str, Any] = json.loads((outdir / "summary.json").read_text())
    Draft202012Validator.check_schema(json.loads(schema))
    Draft202012Validator(json.loads(schema)).validate(document)
    return document


def test_the_summaries_of_the_smallest_samples_are_valid(tmp_path: Path) -> None:
    nothing = make_sample(tmp_path / "nothing", [])
    consensus(nothing, tmp_path / "1")
    assert read_summary(tmp_path / "1")["lengths"] is None
    plain = make_sample(tmp_path / "plain", random_records(20, seed=1))
    consensus(plain, tmp_path / "2")
    summary = read_summary(tmp_path / "2")
    assert (summary["prevalence"], summary["tiers"], summary["calibration"]) == (None, None, None)
    few = sample_of(tmp_path / "few", n_records=20)
    consensus(few, tmp_path / "3")
    summary = read_summary(tmp_path / "3")
    assert summary["prevalence"]["source"] == "calibration"
    assert ["is not known" in warning for warning in summary["warnings"]] == [True]


@pytest.mark.parametrize(
    "options",
    [
        {"decision": Decision.of_preset("strict")},
        {"decision": Decision("fdr", 0.1)},
        {"prevalence": 0.1},
    ],
)
def test_probabilities_of_a_model_that_has_none_are_refused(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    sample = make_sample(tmp_path, random_records(20, seed=1))
    with pytest.raises(UsageError, match="the model is not calibrated"):
        consensus(sample, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
    # Where no record has a frame, nothing needs a probability.
    empty = make_sample(tmp_path / "empty", [("a", "")])
    assert consensus(empty, tmp_path / "out", **options).n_not_scorable == 1


def test_another_rule_on_saved_scores_changes_only_the_calls(tmp_path: Path) -> None:
    sample = sample_of(tmp_path)
    consensus(sample, tmp_path / "a")
    consensus(sample, tmp_path / "b", Decision.of_preset("strict"), prevalence=0.1)
    a, b = results(tmp_path / "a"), results(tmp_path / "b")
    assert {name for name in a if a[name] != b[name]} == {
        "sequences.tsv", "viral.fasta.gz", "summary.json",
    }  # fmt: skip


def test_results_do_not_depend_on_order_shards_and_blocks(tmp_path: Path) -> None:
    records = random_records(230, seed=8)
    expected = None
    for number, (shard, block, lines) in enumerate([(10_000, 65_536, 500_000), (41, 17, 30)]):
        sample = make_sample(tmp_path / str(number), records, shard_frames=shard, calibration=MODEL)
        random.Random(number).shuffle(sample.score_paths)
        outdir = tmp_path / f"out{number}"
        consensus(sample, outdir, Decision("fdr", 0.2), block_records=block, sort_lines=lines)
        assert read_summary(outdir)["prevalence"]["source"] in ("estimated", "calibration")
        expected = expected or results(outdir)
        assert results(outdir) == expected


def test_a_damaged_calibration_is_named(tmp_path: Path) -> None:
    import h5py

    sample = sample_of(tmp_path, n_records=20)
    with h5py.File(sample.score_paths[0], "r+") as file:
        file.attrs["calibration"] = '{"method": "platt"}'
    with pytest.raises(StoreError, match=r"no readable calibration.*classify the shard again"):
        consensus(sample, tmp_path / "out")


def test_frames_that_were_set_aside_are_no_evidence(tmp_path: Path) -> None:
    sample = make_sample(
        tmp_path, [("a", stop_free(120)), ("b", stop_free(120, 2))], calibration=MODEL
    )
    (path,) = sample.score_paths
    scores = read_scores(path)
    second = (scores.record_index == 0) & (scores.chunk == 2)
    status = np.where(second, SetAside.MEMORY, SetAside.EMBEDDED).astype(np.uint8)
    values = np.where(second[:, None], np.nan, scores.scores).astype(np.float32)
    edit_scores(path, set_aside=status, scores=values)
    consensus(sample, tmp_path / "out", prevalence=0.5)
    one, _ = table(tmp_path / "out")
    left = {f.id for f in sample.frames if not f.id.startswith("a_chunk_2")}
    shorter = Sample(
        sample.reads, sample.records, [path], [f for f in sample.frames if f.id in left]
    )
    expected = expected_evidence(shorter)["a"]
    assert float(one["probability"]) == pytest.approx(1 / (1 + math.exp(-expected)), rel=TOLERANCE)
    assert one["reason"].startswith(f"{second.sum()} of ")
    assert one["reason"].endswith("; fewer than 100 bases scored") or ", fewer" in one["reason"]


def viral(outdir: Path, name: str) -> str:
    return gzip.decompress((outdir / name).read_bytes()).decode()


def test_viral_reads_of_a_fastq_keep_their_qualities(tmp_path: Path) -> None:
    records = random_records(100, seed=7)
    sample = make_sample(tmp_path, records, calibration=MODEL, reads_name="reads.fastq")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "viral.fasta.gz").touch()  # of an earlier call
    consensus(sample, tmp_path / "out")
    called = {row["id"] for row in table(tmp_path / "out") if row["call"] == "virus"}
    expected = [fastq(*record) for record in records if record[0].split()[0] in called]
    assert len(expected) > 10
    assert viral(tmp_path / "out", "viral.fastq.gz") == "".join(expected)
    assert not (tmp_path / "out" / "viral.fasta.gz").exists()


@pytest.mark.parametrize("block_records", [3, 1000])
def test_mates_are_written_together_and_called_each_by_itself(
    tmp_path: Path, block_records: int
) -> None:
    rng = random.Random(1)
    # Mates stand apart as in a file sorted by place, or side by side.
    names = ["p1/1", "p2/1", "p2/2", "alone/1", "p1/2", "p3/1", "p3/2", "contig"]
    records = [(name, "".join(rng.choices("ACG", k=60))) for name in names]
    viruses = {"p1/2", "p2/1", "alone/1"}
    sample = called(tmp_path, records, viruses)
    consensus(sample, tmp_path / "out", Decision("threshold", 0.5), block_records=block_records)
    rows = table(tmp_path / "out")
    assert {row["id"] for row in rows if row["call"] == "virus"} == viruses
    chosen = {"p1/1", "p1/2", "p2/1", "p2/2", "alone/1"}
    expected = [fasta(*record) for record in records if record[0] in chosen]
    assert viral(tmp_path / "out", "viral.fasta.gz") == "".join(expected)


def test_mates_of_paired_files_are_the_records_of_one_number(tmp_path: Path) -> None:
    rng = random.Random(2)
    names = [f"{read}{mate}" for read in ("SRR1.7.", "q_", "r/") for mate in "12"]
    records = [(name, "".join(rng.choices("ACG", k=60))) for name in names]
    sample = called(tmp_path, records, {"SRR1.7.2", "q_1"})
    files = (tmp_path / "1.fasta", tmp_path / "2.fasta")
    for mate, file in enumerate(files):
        file.write_text("".join(fasta(*record) for record in records[mate::2]))
    rule = Decision("threshold", 0.5)
    consensus(replace(sample, reads=ReadFiles(files, paired=True)), tmp_path / "pairs", rule)
    together = "".join(fasta(*record) for record in records[:4])
    assert viral(tmp_path / "pairs", "viral.fasta.gz") == together
    # The same ids in one file are those of contigs, or of anything.
    consensus(sample, tmp_path / "single", rule)
    alone = "".join(fasta(*record) for record in records[1:3])
    assert viral(tmp_path / "single", "viral.fasta.gz") == alone


def test_mates_in_turn_of_one_file_stay_together(tmp_path: Path) -> None:
    rng = random.Random(3)
    records = [
        (f"{read} {mate}:N:0", "".join(rng.choices("ACG", k=60))) for read in "rs" for mate in "12"
    ]
    sample = called(tmp_path, records, {"r/2"})
    consensus(sample, tmp_path / "out", Decision("threshold", 0.5))
    together = "".join(
        fasta(f"r/{mate} {mate}:N:0", sequence)
        for mate, (_, sequence) in zip("12", records[:2], strict=True)
    )
    assert viral(tmp_path / "out", "viral.fasta.gz") == together


def called(folder: Path, records: Sequence[Record], viruses: set[str]) -> Sample:
    """A sample of which the named records have the score 0.9, the others 0.1."""
    frames = make_sample(folder / "draft", records).frames
    virus = [0.9 if f.id.rpartition("_chunk_")[0] in viruses else 0.1 for f in frames]
    scores = np.array([[1 - v, v] for v in virus], np.float32)
    return make_sample(folder / "s", records, scores=scores, calibration=MODEL)


@pytest.mark.slow
def test_memory_grows_by_little_for_every_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is held of a file must not grow with it, once the file is larger than that.
    monkeypatch.setattr(FrameTable, "GROUP_ROWS", 1000)
    monkeypatch.setattr("virnucpro_core.sequences._reader.BATCH_RECORDS", 500)
    rng = random.Random(1)
    peaks = []
    # The first one is for what is imported on the way.
    for n_records in (100, 3_000, 12_000):
        records = [(f"r{n}", "".join(rng.choices("ACGT", k=60))) for n in range(n_records)]
        sample = make_sample(
            tmp_path / str(n_records), records, shard_frames=1_000, calibration=MODEL
        )
        sample.frames.clear()
        tracemalloc.start()
        consensus(sample, tmp_path / "out", block_records=500, sort_lines=1_500)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # As write_consensus says: less than 200 bytes for each record more.
    assert peaks[2] - peaks[1] < 200 * 9_000
