"""What a user asked for is what runs, and what cannot run changes nothing."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.pipeline.running import READS, Run, copy_project, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    make_bundle(folder / "1.10")
    shutil.copy(READS, folder / "007.fasta")
    (folder / "p.yaml").write_text("input: 007.fasta\nmodel: 1.10\nsave_scores: true\n")
    (folder / "site.config").write_text("params { save_scores = true }\n")
    (folder / "image.config").write_text("process.container = 'img:1'\n")
    return folder


@pytest.fixture(scope="module")
def finished(folder: Path) -> Run:
    run = run_pipeline(folder, "-stub-run", "-params-file", "p.yaml", "--sample", "0123")
    assert run.exit_code == 0, run.output
    return run


def state(run: Run) -> dict[str, tuple[int, bytes]]:
    """When every file of the results was written, and what is in it."""
    files = [path for path in run.outdir.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_texts_reach_the_tasks_and_a_file_of_parameters_is_obeyed(
    folder: Path, finished: Run
) -> None:
    assert "Submitted process > PREDICT:PREPARE (0123)" in finished.output
    assert (finished.outdir / "0123" / "sequences.tsv").exists()
    saved = {path.name for path in (finished.outdir / "0123" / "scores").iterdir()}
    assert "0123.records.h5" in saved
    records = {"trace.txt", "report.html", "timeline.html", "dag.html"}
    assert records <= {path.name for path in (finished.outdir / "pipeline_info").iterdir()}
    assert list((folder / ".nextflow" / "records").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["--help"], ["--input FILE"]),
        (["-preview", "--input", "007.fasta", "--model", "1.10"], ["* PREVIEW *"]),
        (
            ["-c", "image.config", "--input", "007.fasta"],
            ["process.container img:1: tasks run in containers with -profile docker, singularity,"],
        ),
        (
            # A second file, and a list of profiles with a space in it.
            ["--input", "007.fasta", "b.fasta", "--outdir", "results", "-profile", "test,", "gpu"],
            ["'b.fasta gpu' on the command line belongs to no option; write profiles without a"],
        ),
        (
            ["-c", "site.config", "--input", "007.fasta", "--slurm_array", "9", "--sample", "x"],
            [
                "params.save_scores stands in a configuration file of yours, which Nextflow reads",
                "--slurm_array is for jobs of SLURM; add -profile slurm",
            ],
        ),
        (
            ["--input", "007.fasta", "-profile", "gpu"],
            ["--device cuda (-profile gpu asks for it): this machine has no CUDA devices"],
        ),
    ],
)
def test_a_run_that_asks_or_is_refused_changes_nothing_of_an_earlier_one(
    folder: Path, finished: Run, arguments: list[str], messages: list[str]
) -> None:
    before = state(finished)
    # So that no machine has a device.
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    run = run_pipeline(folder, *arguments, profile=None, variables=hidden)
    for message in messages:
        assert len([line for line in run.output.splitlines() if message in line]) == 1, run.output
    assert (run.exit_code == 0) is (arguments[0] in ("--help", "-preview"))
    assert "Exception" not in run.output
    assert state(finished) == before
    assert list((folder / ".nextflow" / "records").iterdir()) == []


def test_a_second_run_at_once_into_the_same_results_is_refused(folder: Path, finished: Run) -> None:
    before = state(finished)
    with (finished.outdir / "pipeline_info" / ".lock").open("r+") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        run = run_pipeline(folder, "-stub-run", "-params-file", "p.yaml")
    assert "--outdir results: another run is writing there; wait until it is over" in run.output
    assert run.exit_code != 0
    assert state(finished) == before


def test_results_that_cannot_be_written_are_told_before_the_first_task(folder: Path) -> None:
    (folder / "taken").touch()
    run = run_pipeline(folder, "-stub-run", "-params-file", "p.yaml", outdir="taken")
    assert "--outdir taken: no results can be written there" in run.output
    assert run.exit_code != 0
    assert "Submitted" not in run.output


def run_unactivated(folder: Path, project: Path, *arguments: str) -> Run:
    """Run with a Nextflow from elsewhere, no active environment, and a ``python3`` of no use."""
    search = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "")])
    program = shutil.which("nextflow", path=search)
    assert program, "no nextflow; run `make setup`"
    own = folder / "own" / "bin"
    own.mkdir(parents=True)
    shutil.copy(program, own / "nextflow")
    # Where the project's own start script looks for the archives.
    if (Path(program).parents[1] / "share" / "nextflow").exists():
        (folder / "own" / "share").symlink_to(Path(program).parents[1] / "share")
    (own / "python3").write_text("#!/bin/sh\nexit 1\n")
    (own / "python3").chmod(0o755)
    environment = {**os.environ, "NXF_ANSI_LOG": "false", "NXF_OFFLINE": "true"}
    environment.pop("VIRTUAL_ENV", None)
    environment["PATH"] = os.pathsep.join([str(own), environment["PATH"]])
    done = subprocess.run(
        [own / "nextflow", "run", project / "main.nf", "--input", READS, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return Run(done.returncode, done.stdout + done.stderr, folder / "results")


def test_tasks_get_the_projects_own_environment_where_none_is_active(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    (project / ".venv").symlink_to(sys.prefix)
    (tmp_path / "a").mkdir()
    model = str(make_bundle(tmp_path / "model"))
    run = run_unactivated(tmp_path / "a", project, "-stub-run", "--model", model)
    assert run.exit_code == 0, run.output
    assert "Total wall time" in run.output

    (project / ".venv").unlink()
    (tmp_path / "b").mkdir()
    run = run_unactivated(tmp_path / "b", project, "--model", model)
    told = "No Python to check the parameters with: python3 must be 3.10 or later"
    assert told in run.output
    assert run.exit_code != 0
    assert run.tasks() == []
