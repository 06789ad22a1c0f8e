"""What a run gives, and what a resumed run does again."""

from __future__ import annotations

import gzip
import json
import lzma
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bundles import CALIBRATION, make_bundle
from tests.pipeline.running import READS, Run, read_table, run_pipeline
from virnucpro_core.cli import main
from virnucpro_core.reporting import STAGES

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

CACHED, DONE = {"CACHED"}, {"COMPLETED"}
RESULTS = (
    "sequences.tsv",
    "prediction_results.txt",
    "prediction_results_highestscore.csv",
    "viral.fasta.gz",
    "regions.bed",
    "scores.parquet",
    "summary.json",
    "run.json",
    "report.html",
)


def fasta_ids(text: str) -> list[str]:
    return [line[1:].split()[0] for line in text.splitlines() if line.startswith(">")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of this module start: they share a cache and a model."""
    folder = tmp_path_factory.mktemp("predict")
    make_bundle(folder / "model")
    return folder


@pytest.fixture(scope="module")
def again(folder: Path) -> Callable[..., Run]:
    """Runs as the first run did, but for what is given; the results are kept as ``kept``."""

    def run(*arguments: str | Path, kept: str) -> Run:
        # 35 frames make two shards.
        given = ("--input", READS, "--model", "model", "--shard_frames", "20", *arguments)
        done = run_pipeline(folder, *given)
        shutil.move(done.outdir, folder / kept)
        return replace(done, outdir=folder / kept)

    return run


@pytest.fixture(scope="module")
def first(again: Callable[..., Run]) -> Run:
    run = again(kept="first")
    assert run.exit_code == 0, run.output
    return run


@pytest.fixture(scope="module")
def session(first: Run, folder: Path) -> str:
    """What ``-resume`` needs to go on from the first run, whichever run was the last."""
    return (folder / ".nextflow" / "history").read_text().splitlines()[0].split("\t")[5]


def test_every_task_ran_once(first: Run) -> None:
    assert first.tasks() == sorted(
        [(name, "COMPLETED") for name in ("PREPARE", "CONSENSUS", "REPORT", "RUN_REPORT", "PRUNE")]
        + 2 * [("EMBED_DNA", "COMPLETED"), ("EMBED_PROTEIN", "COMPLETED")]
        + 2 * [("CLASSIFY", "COMPLETED")]
    )


def test_a_run_that_ends_well_leaves_no_checkpoint(first: Run) -> None:
    assert not list((first.outdir.parent / "work" / "checkpoints").rglob("*.*"))


def test_every_record_has_its_row_in_input_order(first: Run) -> None:
    rows = read_table(first.outdir / "reads" / "sequences.tsv")
    assert [row["id"] for row in rows] == fasta_ids(READS.read_text())
    for row in rows:
        scorable = int(row["n_frames"]) > 0
        assert (row["call"] == "not-scorable") is not scorable
        expected = "NA"
        if scorable:
            expected = "virus" if float(row["virus_score"]) >= 0.5 else "non-virus"
            assert row["call"] == expected
    assert {row["call"] for row in rows} == {"virus", "non-virus", "not-scorable"}


def test_classic_files_have_a_row_for_each_frame_and_each_chunk(first: Run) -> None:
    sample = first.outdir / "reads"
    rows = read_table(sample / "sequences.tsv")
    frames = read_table(sample / "prediction_results.txt")
    chunks = read_table(sample / "prediction_results_highestscore.csv")
    assert list(frames[0]) == ["Sequence_ID", "Prediction", "score1", "score2"]
    assert list(chunks[0]) == ["Modified_ID", "Is_Virus", "max_score_0", "max_score_1"]
    assert len(frames) == sum(int(row["n_frames"]) for row in rows) == 35
    names = [row["Modified_ID"] for row in chunks]
    assert names == sorted({frame["Sequence_ID"][:-2] for frame in frames})


def test_viral_fasta_holds_the_records_called_virus(first: Run) -> None:
    sample = first.outdir / "reads"
    called = [r["id"] for r in read_table(sample / "sequences.tsv") if r["call"] == "virus"]
    assert called
    with gzip.open(sample / "viral.fasta.gz", "rt") as lines:
        assert fasta_ids(lines.read()) == called


def test_run_json_names_what_was_run(first: Run) -> None:
    run = json.loads((first.outdir / "reads" / "run.json").read_text())
    assert run["sample"] == "reads"
    assert run["counts"]["records"] == 24
    assert run["bundle"]["name"] == "random-0"
    assert run["parameters"]["prevalence"] == "auto"
    assert run["parameters"]["threshold"] is None
    assert run["parameters"]["window_size"] == 300
    assert re.fullmatch("[0-9a-f]{64}", run["code"]["sha256"])
    assert run["command"][:2] == ["nextflow", "run"]


def test_summary_has_nine_stages_and_the_wall_time(first: Run) -> None:
    summary = (first.outdir / "pipeline_info" / "stages.txt").read_text()
    rows = summary.splitlines()
    assert [row[:28].strip() for row in rows[1:10]] == list(STAGES)
    assert "cached" not in summary
    assert "nothing to do" not in summary
    assert re.search(r"^Total wall time: 00:0\d:\d\d$", summary, re.MULTILINE)
    assert len(re.search(r"^Top bottlenecks: (.*)$", summary, re.MULTILINE)[1].split(", ")) == 3
    # And it was printed.
    assert summary in first.output


def test_the_reports_are_there_and_know_each_other(first: Run) -> None:
    page = (first.outdir / "report.html").read_text()
    assert '<a href="reads/report.html">reads</a>' in page
    rows = read_table(first.outdir / "reads" / "sequences.tsv")
    called = sum(row["call"] == "virus" for row in rows)
    text = (first.outdir / "reads" / "report.html").read_text()
    assert f"{called} of 24 records are called virus by the model random-0." in text
    assert (first.outdir / "multiqc" / "virnucpro_calls_mqc.json").exists()


def test_nextflows_reports_and_versions_are_there(first: Run) -> None:
    info = first.outdir / "pipeline_info"
    for name in ("trace.txt", "report.html", "timeline.html", "dag.html"):
        assert (info / name).stat().st_size > 0
    versions = (info / "software_versions.yml").read_text()
    assert re.findall(r"^(\w+):$", versions, re.MULTILINE) == sorted(
        [
            "PREPARE",
            "EMBED_DNA",
            "EMBED_PROTEIN",
            "CLASSIFY",
            "CONSENSUS",
            "REPORT",
            "RUN_REPORT",
            "PRUNE",
        ]
    )


def test_resume_runs_nothing_again(first: Run, again: Callable[..., Run], session: str) -> None:
    run = again("-resume", session, kept="resumed")
    assert run.exit_code == 0, run.output
    assert {status for _, status in run.tasks()} == CACHED
    assert len(run.tasks()) == len(first.tasks())
    for name in RESULTS:
        assert (run.outdir / "reads" / name).read_bytes() == (
            first.outdir / "reads" / name
        ).read_bytes()
    summary = (run.outdir / "pipeline_info" / "stages.txt").read_text().splitlines()
    assert all(row.endswith("  cached") for row in summary[1:10])


def test_another_threshold_calls_again_and_embeds_nothing(
    first: Run, again: Callable[..., Run], session: str
) -> None:
    run = again("--threshold", "0.2", "-resume", session, kept="threshold")
    assert run.exit_code == 0, run.output
    statuses = run.statuses()
    assert statuses.pop("CONSENSUS") == DONE
    assert statuses.pop("REPORT") == DONE
    assert statuses.pop("RUN_REPORT") == DONE
    assert set(map(frozenset, statuses.values())) == {frozenset(CACHED)}
    before = read_table(first.outdir / "reads" / "sequences.tsv")
    after = read_table(run.outdir / "reads" / "sequences.tsv")
    assert [row["virus_score"] for row in after] == [row["virus_score"] for row in before]
    for row in after:
        if row["call"] != "not-scorable":
            assert (row["call"] == "virus") is (float(row["virus_score"]) >= 0.2)
    assert [row["call"] for row in after] != [row["call"] for row in before]


def test_saved_scores_are_called_again_to_the_same_bytes(
    folder: Path, again: Callable[..., Run]
) -> None:
    make_bundle(folder / "calibrated", calibration=CALIBRATION)
    model = ("--model", "calibrated", "--save_scores")
    balanced = again(*model, kept="balanced")
    strict = again(*model, "--preset", "strict", "--prevalence", "0.2", "-resume", kept="strict")
    assert strict.exit_code == 0, strict.output
    assert {name for name, status in strict.tasks() if status == "COMPLETED"} <= {
        "CONSENSUS", "REPORT", "RUN_REPORT", "PRUNE",
    }  # fmt: skip
    saved = balanced.outdir / "reads" / "scores"
    names = sorted(path.name for path in saved.iterdir())
    shards = [f"reads.shard_0000{number}.scores.h5" for number in (1, 2)]
    assert names == ["reads.records.h5", *shards]
    arguments = [
        "consensus", "--records", saved / "reads.records.h5", "--reads", READS, "--sample", "reads",
        "--preset", "strict", "--prevalence", "0.2", "--outdir", folder / "by_hand",
        *(saved / name for name in shards),
    ]  # fmt: skip
    assert main(list(map(str, arguments))) == 0
    for path in (folder / "by_hand").iterdir():
        assert path.read_bytes() == (strict.outdir / "reads" / path.name).read_bytes()
    sequences = [run.outdir / "reads" / "sequences.tsv" for run in (balanced, strict)]
    assert sequences[0].read_bytes() != sequences[1].read_bytes()


def test_fastq_xz_in_one_shard_with_spaces_in_every_path(first: Run, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    make_bundle(folder / "my model")
    with lzma.open(folder / "my reads.fastq.xz", "wt") as file:
        for entry in READS.read_text().split(">")[1:]:
            name, _, sequence = entry.partition("\n")
            bases = sequence.replace("\n", "")
            file.write(f"@{name}\n{bases}\n+\n{'I' * len(bases)}\n")
    given = ("--input", "my reads.fastq.xz", "--model", "my model", "--save_embeddings")
    run = run_pipeline(folder, *given, outdir="my results")
    assert run.exit_code == 0, run.output

    sample = run.outdir / "my_reads"
    assert (sample / "viral.fastq.gz").exists()
    assert not (sample / "viral.fasta.gz").exists()
    assert sorted(path.name for path in (sample / "embeddings").iterdir()) == [
        "my_reads.shard_00001.dna.h5",
        "my_reads.shard_00001.protein.h5",
    ]
    assert (run.outdir / "pipeline_info" / "stages.txt").exists()
    # The same reads in another format, in one shard instead of two: the same calls.
    two = read_table(first.outdir / "reads" / "sequences.tsv")
    one = read_table(sample / "sequences.tsv")
    assert [row["id"] for row in one] == [row["id"] for row in two]
    assert [row["call"] for row in one] == [row["call"] for row in two]
    for a, b in zip(one, two, strict=True):
        if a["call"] != "not-scorable":
            # Other batches, other rounding: fp32 sums in another order.
            assert float(a["virus_score"]) == pytest.approx(float(b["virus_score"]), abs=1e-4)


def test_a_sample_without_a_frame_still_has_results(folder: Path) -> None:
    # A stop in each of the six frames, and letters that tell nothing.
    stops = "ATTACCGTAATCTACTATTAAGTCACAACCAAACAATGGATTAATTTCTTAGTTGGAATC"
    (folder / "stops.fasta").write_text(
        f">short\nAC\n>stops\n{stops}\n>nothing\n>gap\n{'N' * 300}\n>dark\n{'G' * 150}\n"
    )
    run = run_pipeline(folder, "--input", "stops.fasta", "--model", "model", outdir="stops")
    assert run.exit_code == 0, run.output
    assert run.statuses() == {
        "PREPARE": DONE,
        "CONSENSUS": DONE,
        "REPORT": DONE,
        "RUN_REPORT": DONE,
    }
    rows = read_table(run.outdir / "stops" / "sequences.tsv")
    assert [row["id"] for row in rows] == ["short", "stops", "nothing", "gap", "dark"]
    assert {row["call"] for row in rows} == {"not-scorable"}
    assert [row["reason"] for row in rows] == [
        "shorter than one codon",
        "every frame has a stop codon",
        "empty",
        "without information: unknown bases",
        "without information: low complexity",
    ]
    assert len(read_table(run.outdir / "stops" / "prediction_results.txt")) == 0
    summary = (run.outdir / "pipeline_info" / "stages.txt").read_text().splitlines()
    assert [row.endswith("nothing to do") for row in summary[1:10]] == 4 * [False] + 4 * [True] + [
        False
    ]
