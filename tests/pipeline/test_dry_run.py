"""``--dry_run``: a table, no task, no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.pipeline.running import READS, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dry")
    make_bundle(folder / "model")
    for name in ("a.fasta", "b c.fasta"):
        (folder / name).write_bytes(READS.read_bytes())
    (folder / "sheet.csv").write_text("sample,file\na,a.fasta\nb,b c.fasta\n")
    (folder / "protein.fasta").write_text(">albumin\nMKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGE\n")
    return folder


def test_a_sheet_is_estimated_and_nothing_is_run_or_written(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    run = run_pipeline(folder, "--input", "sheet.csv", "--model", "model", "--dry_run")
    assert run.exit_code == 0, run.output
    assert "2 samples: 48 records of 19,570 bases" in run.output
    assert "ESM-2 Feature Extraction" in run.output
    assert "Expected time:   00:" in run.output
    made = {path.name for path in folder.iterdir()} - before
    # Nextflow's own log and cache.
    assert made <= {".nextflow", ".nextflow.log", "work"}
    assert not run.outdir.exists()
    assert not [path for path in (folder / "work").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--input", "protein.fasta"], "protein.fasta, record 1 (albumin): has 'F'"),
        (["--input", "-"], "--dry_run cannot read standard input"),
        (["--input", "a.fasta", "--task", "embed"], "--dry_run is for --task predict, not for emb"),
    ],
)
def test_what_cannot_be_estimated_is_one_line(
    folder: Path, arguments: list[str], message: str
) -> None:
    run = run_pipeline(folder, *arguments, "--model", "model", "--dry_run", outdir="refused")
    assert run.exit_code != 0
    assert len([line for line in run.output.splitlines() if message in line]) == 1, run.output
    assert "Traceback" not in run.output
    assert run.tasks() == []
