"""The tables of stages that tasks write, and the summary at the end of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from virnucpro_core import reporting
from virnucpro_core.reporting import (
    STAGES,
    Stage,
    StageSummary,
    read_stages,
    render_stages,
    summarise_stages,
    write_stages,
)

PROGRAM = Path(reporting.__file__).with_name("_stages.py")


def write_trace(path: Path, *tasks: tuple[str, str, str]) -> Path:
    rows = [("process", "tag", "status"), *tasks]
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two shards; the first one's DNA embeddings came from the cache."""
    stages = tmp_path / "stages"
    stages.mkdir()
    write_stages(stages / "PREPARE_a.tsv", [Stage(name, 1.0, 10) for name in STAGES[:4]])
    write_stages(stages / "EMBED_DNA_a.1.tsv", [Stage(STAGES[4], 20.0, 6, 600)])
    write_stages(stages / "EMBED_DNA_a.2.tsv", [Stage(STAGES[4], 10.0, 4, 400)])
    write_stages(stages / "EMBED_PROTEIN_a.1.tsv", [Stage(STAGES[5], 66.0, 6, 300)])
    # Of an earlier run into the same folder.
    write_stages(stages / "EMBED_DNA_a.3.tsv", [Stage(STAGES[4], 1000.0, 1, 1)])
    write_trace(
        tmp_path / "trace.txt",
        ("PREDICT:PREPARE", "a", "CACHED"),
        ("PREDICT:EMBED_DNA", "a.1", "CACHED"),
        ("PREDICT:EMBED_DNA", "a.2", "FAILED"),
        ("PREDICT:EMBED_DNA", "a.2", "COMPLETED"),
        ("PREDICT:EMBED_PROTEIN", "a.1", "COMPLETED"),
        ("PREDICT:REPORT", "a", "COMPLETED"),
    )
    return tmp_path


def summary_of(run: Path) -> list[StageSummary]:
    return summarise_stages(run / "trace.txt", run / "stages", tasks=5)


def test_a_table_reads_as_it_was_written(tmp_path: Path) -> None:
    stages = [Stage(STAGES[0], 0.25, 3), Stage(STAGES[5], 12.5, 4, 500)]
    write_stages(tmp_path / "stages.tsv", stages)
    assert read_stages(tmp_path / "stages.tsv") == stages
    assert (tmp_path / "stages.tsv").read_text().startswith("stage\tseconds\tsequences\ttokens\n")


@pytest.mark.parametrize(
    ("name", "seconds", "sequences"),
    [("Dinner", 1.0, 1), (STAGES[0], -1.0, 1), (STAGES[0], float("nan"), 1), (STAGES[0], 1.0, -1)],
)
def test_a_stage_that_cannot_be_is_refused(name: str, seconds: float, sequences: int) -> None:
    with pytest.raises(ValueError, match=name):
        Stage(name, seconds, sequences)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ":1: not a table of stages"),
        ("name\tseconds\n", ":1: not a table of stages"),
        ("stage\tseconds\tsequences\ttokens\nDinner\t1\t1\t1\n", ":2: 'Dinner' is not a stage"),
        ("stage\tseconds\tsequences\ttokens\nFeature Merging\tsoon\t1\t1\n", ":2: could not"),
    ],
)
def test_another_file_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "stages.tsv"
    path.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        read_stages(path)


def test_the_tasks_of_this_run_are_summed(run: Path) -> None:
    by_name = {stage.name: stage for stage in summary_of(run)}
    assert list(by_name) == list(STAGES)
    assert by_name[STAGES[4]] == StageSummary(STAGES[4], 30.0, 10, 1000, tasks=2, cached=1)
    assert by_name[STAGES[5]] == StageSummary(STAGES[5], 66.0, 6, 300, tasks=1, cached=0)


def test_notes_tell_cached_and_idle_stages(run: Path) -> None:
    notes = [stage.note for stage in summary_of(run)]
    assert notes == 4 * ["cached"] + ["cached 1 of 2", ""] + 3 * ["nothing to do"]


def test_the_rendered_summary(run: Path) -> None:
    lines = render_stages(summary_of(run), wall_seconds=3725.4).splitlines()
    row = " ".join(lines[5].split())
    assert row == "DNABERT-S Feature Extraction 30.00 30.0% 10 1,000 cached 1 of 2"
    assert lines[10] == (
        "Top bottlenecks: ESM-2 Feature Extraction 66.0%, DNABERT-S Feature Extraction 30.0%, "
        "Sequence Chunking 1.0% (cached)"
    )
    assert lines[11] == "Time in stages:  00:01:40 (sum over tasks)"
    assert lines[12] == "Total wall time: 01:02:05"


def test_nothing_done_has_no_bottleneck() -> None:
    idle = [StageSummary(name, 0.0, 0, 0, tasks=0, cached=0) for name in STAGES]
    text = render_stages(idle)
    assert text.count("nothing to do") == 9
    assert "bottleneck" not in text


def test_a_trace_that_stays_incomplete_is_an_error(run: Path) -> None:
    with pytest.raises(ValueError, match="5 of 6 tasks"):
        summarise_stages(run / "trace.txt", run / "stages", tasks=6, timeout=0.0)


def test_a_trace_without_the_columns_is_an_error(run: Path) -> None:
    (run / "trace.txt").write_text("task_id\tname\n1\tPREPARE (a)\n")
    with pytest.raises(ValueError, match="no column process, status, tag"):
        summary_of(run)


def test_the_file_runs_by_its_path_without_any_package(run: Path) -> None:
    command = [sys.executable, "-S", "-E", PROGRAM, run / "trace.txt", "--tasks", "5"]
    command += ["--stages-dir", run / "stages", "--output", run / "out.txt", "--wall-seconds", "9"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout == render_stages(summary_of(run), 9.0)
    assert (run / "out.txt").read_text() == done.stdout


def test_the_program_says_what_is_wrong_in_one_line(run: Path) -> None:
    (run / "stages" / "PREPARE_a.tsv").write_text("something else\n")
    command = [sys.executable, PROGRAM, run / "trace.txt", "--stages-dir", run / "stages"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
