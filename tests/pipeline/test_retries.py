"""What is decided after each kind of failure, asked for without running a task."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.pipeline.running import REPOSITORY, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]


def test_decisions(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(REPOSITORY / "tests" / "pipeline" / "decisions.nf", project / "main.nf")
    run = run_pipeline(tmp_path, "-lib", REPOSITORY / "lib", project=project, profile=None)
    assert run.exit_code == 0, run.output
    lines = run.output.splitlines()
    for line in (
        "gone: retry 9, ignore 1, factor 1",
        "told to stop: retry 9, ignore 1, factor 1",
        "out of time: retry 9, ignore 1, factor 1",
        # Each ninth attempt finds more parts.
        "with progress: retry 40, factor 1",
        # The attempt that found more is the first of the row.
        "last progress: retry 12, ignore 1, factor 1",
        "before its checkpoint: retry 9, ignore 1, factor 1",
        # A loss is no fault, and a fault no progress.
        "losses and faults: retry 12, ignore 1, factor 1",
        "not submitted: retry 3, ignore 1, factor 1",
        "host lost: retry 9, ignore 1, factor 1",
        # The second attempt shows that there was no more to be had.
        "same memory: retry 4, ignore 1, factor 32",
        "no memory: retry 3, ignore 1, factor 16",
        "at the limit: retry 3, ignore 1, factor 16",
        "more memory: retry 5, ignore 1, factor 64",
        # More memory of the machine is no help for that of a GPU.
        "out of device memory: retry 3, ignore 1, factor 1",
        # What all samples need.
        "store: retry 3, finish 1, factor 1",
        "input: retry 1, ignore 1, factor 1",
        "unforgiving: retry 1, ignore 1, factor 1",
        # Exit status 0 in an array; and 0 of a task whose output is not what it should be.
        "unfinished: retry 5, factor 1",
        "begun: retry 5, factor 1",
        "finished: retry 3, ignore 1, factor 1",
        "killed: retry 9, ignore 1, factor 1024",
        "error: ignore 1, factor 1",
        # While one task has just waited no other does; the same task waits again.
        "waits: a 1 a 1 a 1, 2 of them",
    ):
        assert line in lines, run.output
    for beginning, remedy in (
        (
            "- P (killed) was ended from outside 10 times without progress between, exit codes "
            "137 (10 times), the last time with 2 GB; if it needs more memory, raise the most",
            "process.resourceLimits, --slurm_memory or --aws_memory; start with -resume to go on",
        ),
        (
            "- P (out of time) was ended from outside 10 times without progress between, exit "
            "codes 140 (9 times), 143, the last time with 1 GB; if it needs more time, raise the",
            "process.time or --slurm_time; start with -resume",
        ),
        ("- P (gone) was ended from outside 10 times", "none (10 times)"),
        ("- P (error) ended with exit code 2: no, because; do that (work folder ", "/error)"),
        ("- P (not submitted) failed: what Nextflow says (work folder ", "/not submitted)"),
    ):
        told = [line for line in lines if line.startswith(beginning)]
        assert len(told) == 1, run.output
        assert remedy in told[0]
