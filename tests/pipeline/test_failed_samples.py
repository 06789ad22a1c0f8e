"""A sample that cannot be used costs its own results; the run names it, and fails at its end."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.pipeline.running import READS, Run, copy_project, read_table, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

GOOD = ("one", "empty", "two", "three")
# What is told of each, up to the remedy.
BAD = {
    "cut": "cut.fasta.gz: the gzip data end too early",
    "twice": "twice.fasta, record 7: the id read_0001 is that of record 1 again",
    "protein": "protein.fasta, record 1 (albumin): has 'F' at base 6",
    "changed": "changed.fasta: has more records than the 6 that were prepared",
}


def records() -> list[str]:
    return [f">{record}" for record in READS.read_text().split(">")[1:]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven samples, of which two share a task; and a project that changes one while it runs."""
    folder = tmp_path_factory.mktemp("failed")
    make_bundle(folder / "model")
    some = "".join(records()[:6])
    for name in ("one", "two", "three", "changed"):
        (folder / f"{name}.fasta").write_text(some)
    (folder / "empty.fasta").touch()
    whole = gzip.compress(READS.read_bytes())
    (folder / "cut.fasta.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "twice.fasta").write_text(some + records()[0])
    (folder / "protein.fasta").write_text(">albumin\nMKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGE\n")
    files = (
        *("one.fasta", "cut.fasta.gz"),
        *("twice.fasta", "protein.fasta"),
        *("empty.fasta", "two.fasta"),
        *("changed.fasta", "three.fasta"),
    )
    rows = "".join(f"{name.partition('.')[0]},{name}\n" for name in files)
    (folder / "sheet.csv").write_text(f"sample,file\n{rows}")

    project = copy_project(folder / "project")
    module = project / "modules" / "prepare.nf"
    before, script, after = module.read_text().partition("    join_stages.sh")
    assert script
    change = f"[ ${{meta.id}} != changed+1 ] || mv {folder}/more {folder}/changed.fasta || true\n"
    module.write_text(f"{before}    {change}{script}{after}")
    (folder / "more").write_text(some + records()[6])
    return folder


def predict(folder: Path, *arguments: str) -> Run:
    given = ("--input", "sheet.csv", "--model", "model", "--group_samples", "2", *arguments)
    return run_pipeline(folder, *given, project=folder / "project")


@pytest.fixture(scope="module")
def failed(folder: Path) -> Run:
    return predict(folder)


@pytest.fixture(scope="module")
def digests(failed: Run) -> dict[str, str]:
    """The files of the good samples after the first run."""
    return _digests(failed.outdir)


def _digests(outdir: Path) -> dict[str, str]:
    return {
        str(path.relative_to(outdir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for name in GOOD
        for path in sorted((outdir / name).iterdir())
    }


def statuses(run: Run) -> dict[tuple[str, str], str]:
    """The status of each task, by the last part of its process and its tag."""
    rows = read_table(run.outdir / "pipeline_info" / "trace.txt")
    return {(row["process"].rpartition(":")[2], row["tag"]): row["status"] for row in rows}


def test_the_run_names_each_of_them_once_and_fails(folder: Path, failed: Run) -> None:
    assert failed.exit_code != 0
    lines = failed.output.splitlines()
    for sample, told in BAD.items():
        # The file is where the user has it, not where a task finds it.
        found = [line for line in lines if line.startswith(f"sample {sample}: {folder}/{told}")]
        assert len(found) == 1, failed.output
        assert "; " in found[0]
    assert "Error executing process" not in failed.output
    assert "Traceback" not in failed.output
    rows = read_table(failed.outdir / "pipeline_info" / "trace.txt")
    of_failed = [row for row in rows if row["status"] == "FAILED"]
    assert {row["tag"] for row in of_failed} == BAD.keys()
    assert {row["process"] for row in of_failed} == {"PREDICT:FAILED_SAMPLE"}


def test_the_others_have_their_results(failed: Run) -> None:
    present = {path.parent.name for path in failed.outdir.glob("*/run.json")}
    assert present == set(GOOD)
    assert not any((failed.outdir / name).exists() for name in BAD)
    assert len(read_table(failed.outdir / "three" / "sequences.tsv")) == 6
    # The summary of the stages is there, and ends before the failures are told.
    assert failed.output.index("Consensus Scoring") < failed.output.index("sample cut: ")


def test_the_pages_name_them(failed: Run) -> None:
    page = (failed.outdir / "report.html").read_text()
    assert all(f'<th scope="row">{sample}</th>' in page for sample in BAD)
    section = json.loads((failed.outdir / "multiqc" / "virnucpro_failed_mqc.json").read_text())
    assert section["data"].keys() == BAD.keys()
    assert all(BAD[name] in row["reason"] for name, row in section["data"].items())


def test_checkpoints_are_kept_for_the_mended_run(folder: Path, failed: Run) -> None:
    assert failed.count("PRUNE") == 0
    assert list((folder / "work" / "checkpoints").glob("*/*/*.h5"))


def test_mended_in_place_they_are_taken_up(
    folder: Path, failed: Run, digests: dict[str, str]
) -> None:
    before = (failed.outdir / "one" / "sequences.tsv").read_bytes()
    assert digests
    whole = "".join(records()[:6]).encode()
    (folder / "cut.fasta.gz").write_bytes(gzip.compress(whole))
    (folder / "twice.fasta").write_bytes(whole)
    (folder / "protein.fasta").write_bytes(whole)
    mended = predict(folder, "-resume")
    assert mended.exit_code == 0, mended.output
    assert all((mended.outdir / name / "report.html").exists() for name in BAD)
    assert _digests(mended.outdir) == digests
    assert (mended.outdir / "cut" / "sequences.tsv").read_bytes() == before
    tasks = statuses(mended)
    # A group without a bad sample is not touched.
    untouched = [status for (_, tag), status in tasks.items() if tag.startswith("empty+1")]
    assert untouched == ["CACHED"] * len(untouched) != []
    # Of a group with one, what was embedded is taken from its parts.
    rows = read_table(mended.outdir / "pipeline_info" / "trace.txt")
    (embedded,) = (r for r in rows if r["process"].endswith("EMBED_DNA") and r["tag"] == "one+1")
    log = (Path(embedded["workdir"]) / ".command.log").read_text()
    (line,) = (line for line in log.splitlines() if line.startswith("one.shard_00001.h5"))
    assert "of them by an earlier attempt" in line
    assert "in 0 batches" in line
    # Nothing of the failed run is left in the pages.
    assert "without results" not in (mended.outdir / "report.html").read_text()
    assert mended.statuses()["PRUNE"] == {"COMPLETED"}


def test_embeddings_of_the_others_are_there_too(tmp_path: Path) -> None:
    make_bundle(tmp_path / "model")
    (tmp_path / "good.fasta").write_text("".join(records()[:3]))
    (tmp_path / "bad.fasta").write_text(">x\nACGT1\n")
    (tmp_path / "sheet.csv").write_text("sample,file\nbad,bad.fasta\ngood,good.fasta\n")
    given = ("--task", "embed", "--molecule", "dna", "--input", "sheet.csv", "--model", "model")
    run = run_pipeline(tmp_path, *given)
    assert run.exit_code != 0
    lines = [
        x
        for x in run.output.splitlines()
        if x.startswith(f"sample bad: {tmp_path / 'bad.fasta'}, ")
    ]
    assert len(lines) == 1, run.output
    assert (run.outdir / "good" / "embeddings.h5").exists()
    assert (run.outdir / "good" / "run.json").exists()
    assert not (run.outdir / "bad").exists()
    assert '<th scope="row">bad</th>' in (run.outdir / "report.html").read_text()
