"""The tables of stages that tasks write, and the summary of a run, of this pipeline or another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from virnucpro_core import reporting
from virnucpro_core.cli import main
from virnucpro_core.reporting import (
    STAGES,
    RunSummary,
    Stage,
    StageSummary,
    compare_runs,
    read_stages,
    render_stages,
    summarise_run,
    write_stages,
)

PROJECT = Path(reporting.__file__).parents[2]


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


def summary_of(run: Path) -> RunSummary:
    return summarise_run(run / "trace.txt", run / "stages", tasks=5)


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
    by_name = {stage.name: stage for stage in summary_of(run).stages}
    assert list(by_name) == list(STAGES)
    assert by_name[STAGES[4]] == StageSummary(STAGES[4], 30.0, 10, 1000, tasks=2, cached=1)
    assert by_name[STAGES[5]] == StageSummary(STAGES[5], 66.0, 6, 300, tasks=1, cached=0)


def test_notes_tell_cached_and_idle_stages(run: Path) -> None:
    notes = [stage.note for stage in summary_of(run).stages]
    assert notes == 4 * ["cached"] + ["cached 1 of 2", ""] + 3 * ["nothing to do"]


def test_the_rendered_summary(run: Path) -> None:
    lines = render_stages(summary_of(run), wall_seconds=3725.4).splitlines()
    row = " ".join(lines[5].split())
    assert row == "DNABERT-S Feature Extraction 30.00 30.0% 10 1,000 cached 1 of 2"
    assert lines[10] == (
        "Top bottlenecks: ESM-2 Feature Extraction 66.0%, DNABERT-S Feature Extraction 30.0%, "
        "Sequence Chunking 1.0% (cached)"
    )
    assert lines[11] == "Other processes: REPORT 0.00 s"
    assert lines[12] == "Time in stages:  00:01:40 (sum over tasks)"
    assert lines[13] == "Total wall time: 01:02:05"


def test_nothing_done_has_no_bottleneck() -> None:
    idle = [StageSummary(name, 0.0, 0, 0, tasks=0, cached=0) for name in STAGES]
    text = render_stages(RunSummary(idle, {}, 0, 0, None))
    assert text.count("nothing to do") == 9
    assert "bottleneck" not in text


def test_a_trace_that_stays_incomplete_is_an_error(run: Path) -> None:
    with pytest.raises(ValueError, match="5 of 6 tasks"):
        summarise_run(run / "trace.txt", run / "stages", tasks=6, timeout=0.0)


def test_a_trace_without_the_columns_is_an_error(run: Path) -> None:
    (run / "trace.txt").write_text("task_id\tname\n1\tPREPARE (a)\n")
    with pytest.raises(ValueError, match="needs the columns status and process"):
        summary_of(run)


def run_bare(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The summary as the head job makes it: no package but the project's own sources."""
    command = [sys.executable, "-S", "-m", "virnucpro_core.reporting", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd="/", env={"PYTHONPATH": str(PROJECT)}
    )


def test_the_summary_needs_no_package(run: Path) -> None:
    options = ("--tasks", 5, "--stages-dir", run / "stages", "--output", run / "out.txt")
    done = run_bare(run / "trace.txt", *options, "--wall-seconds", 9)
    assert done.stdout == render_stages(summary_of(run), 9.0), done.stderr
    assert (run / "out.txt").read_text() == done.stdout


def test_the_program_says_what_is_wrong_in_one_line(run: Path) -> None:
    (run / "stages" / "PREPARE_a.tsv").write_text("something else\n")
    done = run_bare(run / "trace.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


OTHER_TRACE = """task_id\tname\tstatus\tsubmit\tcomplete\tduration\trealtime
1\tchunk_sequences (s1)\tCOMPLETED\t2025-01-31 12:00:00.000\t2025-01-31 12:00:30.000\t30s\t20s
2\tWF:SIX_FRAME_TRANSLATION (s1)\tCOMPLETED\t2025-01-31 12:00:30.000\t-\t1m\t1m 5.5s
3\tdnabert_features (s1)\tFAILED\t2025-01-31 12:00:31.000\t2025-01-31 12:00:40.000\t9s\t9s
4\tdnabert_features (s1)\tCOMPLETED\t2025-01-31 12:01:00.000\t2025-01-31 13:01:00.000\t1h\t1h
5\tesm2_features (s1)\tCOMPLETED\t2025-01-31 12:01:00.000\t2025-01-31 14:00:00.000\t2h\t1h 58m
6\tFASTQC (s1)\tCOMPLETED\t2025-01-31 12:01:00.000\t2025-01-31 12:02:00.000\t1m\t750ms
7\tmerge_features\tCOMPLETED\t2025-01-31 14:00:00.000\t2025-01-31 14:00:02.000\t2s\t2s
"""


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A trace of another pipeline: written for people, without tags and tables."""
    path = tmp_path / "other.txt"
    path.write_text(OTHER_TRACE)
    return path


def test_a_trace_without_tables_counts_by_the_names_of_its_processes(other: Path) -> None:
    summary = summarise_run(other)
    seconds = [stage.seconds for stage in summary.stages]
    assert seconds == [20.0, 65.5, 0, 0, 3600.0, 7080.0, 2.0, 0, 0]
    assert summary.other_seconds == {"FASTQC": 0.75}
    assert summary.without_tables == 5
    # From 12:00:00 to 14:00:02.
    text = render_stages(summary)
    assert "Total wall time: 02:00:02 (first task to last)" in text
    assert "5 tasks have no stage table" in text


def test_stages_are_compared_with_a_baseline(run: Path, other: Path) -> None:
    text = compare_runs(summary_of(run), summarise_run(other), "other.txt")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "Against other.txt:"
    assert "DNABERT-S Feature Extraction 30.00 3600.00 120.00x" in lines
    assert "Consensus Scoring 0.00 0.00 -" in lines
    assert "All stages 100.00 10767.50 107.67x" in lines
    # Times of tasks from the cache are those of another run.
    assert lines[-1] == "Wall times are not compared: 2 tasks of this run came from the cache"


def test_wall_times_are_compared_where_nothing_is_cached(other: Path, tmp_path: Path) -> None:
    quick = tmp_path / "quick.txt"
    quick.write_text(
        "process\ttag\tstatus\tsubmit\tcomplete\trealtime\n"
        "W:EMBED_DNA\ta\tCOMPLETED\t1700000000000\t1700000060000\t50000\n"
    )
    text = compare_runs(summarise_run(quick), summarise_run(other), "other.txt")
    last = " ".join(text.splitlines()[-1].split())
    assert last == "Wall time, first task to last 00:01:00 02:00:02 120.03x"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it has none"),
        ("a\tb\n", "it has a, b"),
        (OTHER_TRACE.replace("1m 5.5s", "soon"), ":3: 'soon' is no duration"),
        (OTHER_TRACE.replace("2025-01-31 12:00:30.000\t-", "noon\t-"), ":3: 'noon' is no time"),
        ("name\tstatus\nesm2 (a)\tCOMPLETED\n", "neither a column realtime nor a stage table"),
    ],
)
def test_what_is_no_trace_is_refused(other: Path, text: str, complaint: str) -> None:
    other.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        summarise_run(other)


def test_the_command_sums_up_several_runs(
    run: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    traces = [str(run / "trace.txt"), str(other)]
    assert main(["report", "stages", *traces, "--baseline", str(other)]) == 0
    text = capsys.readouterr().out
    assert text.count("Sequence Chunking") == 4 + 1
    assert text.index(traces[0]) < text.index(traces[1])
    assert "120.00x" in text
    assert "1.00x" in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.txt"], "missing.txt: cannot be read"),
        (["a.txt", "b.txt", "--wall-seconds", "3"], "are of one run"),
    ],
)
def test_the_command_refuses_in_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "stages", *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
