"""The nine stages of a run, summed up, told as text and set against those of another run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from virnucpro_core._progress import format_clock
from virnucpro_core.reporting._stages import STAGES, Stage, read_stages
from virnucpro_core.reporting._trace import Task, wait_for_tasks

__all__ = [
    "RunSummary",
    "StageSummary",
    "compare_runs",
    "render_stages",
    "sum_up_tables",
    "summarise_run",
]

# Which stage a process does, by its name, where its task left no table; the first that fits.
_BY_NAME = tuple(
    (re.compile(pattern), STAGES[number])
    for pattern, number in (
        (r"split.*(nuc|dna)|(nuc|dna).*split", 2),
        (r"split.*(prot|aa)|(prot|aa).*split", 3),
        (r"dnabert|embed_dna|dna.*(embed|feature)", 4),
        (r"esm|embed_prot|prot.*(embed|feature)", 5),
        (r"merg|concat", 6),
        (r"consensus", 8),
        (r"predict|classif|mlp", 7),
        (r"translat|six.?frame|orf", 1),
        (r"chunk|prepare|shard|window", 0),
    )
)


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage over all tasks of a run.

    Attributes:
        name: one of :data:`STAGES`.
        seconds: sum over the tasks, cached ones with the time they took when they ran.
        sequences: sum over the tasks.
        tokens: sum over the tasks.
        tasks: tasks that did this stage.
        cached: how many of them Nextflow took from its cache.
    """

    name: str
    seconds: float
    sequences: int
    tokens: int
    tasks: int
    cached: int

    @property
    def note(self) -> str:
        """``""``, ``cached``, ``cached 2 of 5`` or ``nothing to do``."""
        if self.tasks == 0:
            return "nothing to do"
        if self.cached == self.tasks:
            return "cached"
        return f"cached {self.cached} of {self.tasks}" if self.cached else ""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The stages of a run.

    Attributes:
        stages: one for each of :data:`STAGES`, in their order.
        other_seconds: time of the processes that do none of them, by name.
        without_tables: tasks whose stage was told from the name of their process.
        n_cached: tasks from the cache.
        task_seconds: from the first task's submission to the last one's end; None where the trace
            does not say, or where a task came from the cache, whose times are of another run.
    """

    stages: Sequence[StageSummary]
    other_seconds: dict[str, float]
    without_tables: int
    n_cached: int
    task_seconds: float | None


def summarise_run(
    trace: Path, stages_dir: Path | None = None, *, tasks: int = 0, timeout: float = 10.0
) -> RunSummary:
    """Sum the stages of a run's tasks.

    Args:
        trace: Nextflow's trace.
        stages_dir: tables named ``<PROCESS>_<tag>.tsv``; None for ``stages`` beside the trace.
            Tables of tasks that are not in the trace (an earlier run into the same folder) do not
            count. A task without a table counts by the name of its process.
        tasks: how many finished tasks to wait for.
        timeout: the most seconds to wait.

    Raises:
        ValueError: the trace or a table cannot be understood or stays incomplete.
        OSError: a file cannot be read.
    """
    folder = trace.with_name("stages") if stages_dir is None else stages_dir
    finished = wait_for_tasks(trace, tasks, timeout)
    done: list[tuple[Stage, bool]] = []
    other: dict[str, float] = {}
    without_tables = 0
    for task in finished:
        table = folder / f"{task.process}_{task.tag}.tsv"
        if table.exists():
            done += [(stage, task.is_cached) for stage in read_stages(table)]
        elif (name := _stage_of(task.process)) is None:
            other[task.process] = other.get(task.process, 0.0) + (task.seconds or 0.0)
        elif task.seconds is None:
            raise ValueError(
                f"{trace}: has neither a column realtime nor a stage table for {task.process}"
            )
        else:
            done.append((Stage(name, task.seconds, 0), task.is_cached))
            without_tables += 1
    return RunSummary(
        stages=_add_up(done),
        other_seconds=other,
        without_tables=without_tables,
        n_cached=sum(task.is_cached for task in finished),
        task_seconds=_span(finished),
    )


def sum_up_tables(tables: Iterable[Path]) -> list[StageSummary]:
    """Sum the stages of tasks by their tables alone.

    Raises:
        ValueError: a file is not such a table.
    """
    return _add_up([(stage, False) for table in tables for stage in read_stages(table)])


def _stage_of(process: str) -> str | None:
    return next((name for pattern, name in _BY_NAME if pattern.search(process.lower())), None)


def _add_up(done: Sequence[tuple[Stage, bool]]) -> list[StageSummary]:
    parts: dict[str, list[tuple[Stage, bool]]] = {name: [] for name in STAGES}
    for stage, cached in done:
        parts[stage.name].append((stage, cached))
    return [
        StageSummary(
            name=name,
            seconds=sum(stage.seconds for stage, _ in of_stage),
            sequences=sum(stage.sequences for stage, _ in of_stage),
            tokens=sum(stage.tokens for stage, _ in of_stage),
            tasks=len(of_stage),
            cached=sum(cached for _, cached in of_stage),
        )
        for name, of_stage in parts.items()
    ]


def _span(tasks: Sequence[Task]) -> float | None:
    begins = [task.submitted for task in tasks if task.submitted is not None]
    ends = [task.completed for task in tasks if task.completed is not None]
    if any(task.is_cached for task in tasks) or not begins or not ends:
        return None
    return max(ends) - min(begins)


def render_stages(run: RunSummary, wall_seconds: float | None = None) -> str:
    """The summary as text: a row a stage, the three bottlenecks, the wall time as HH:MM:SS.

    Shares are of the sum of all stages, cached ones with the time recorded when they ran.
    """
    stages = run.stages
    total = sum(stage.seconds for stage in stages)
    width = max(map(len, STAGES))
    lines = [f"{'Stage':<{width}} {'Seconds':>10} {'Share':>7} {'Sequences':>12} {'Tokens':>13}"]
    for stage in stages:
        share = stage.seconds / total if total else 0.0
        lines.append(
            f"{stage.name:<{width}} {stage.seconds:>10.2f} {share:>7.1%} "
            f"{stage.sequences:>12,} {stage.tokens:>13,}  {stage.note}".rstrip()
        )
    slowest = sorted((s for s in stages if s.seconds > 0), key=lambda s: -s.seconds)[:3]
    if slowest:
        named = (f"{s.name} {s.seconds / total:.1%}{_cached_mark(s)}" for s in slowest)
        lines.append(f"Top bottlenecks: {', '.join(named)}")
    if run.other_seconds:
        named = (f"{name} {seconds:.2f} s" for name, seconds in sorted(run.other_seconds.items()))
        lines.append(f"Other processes: {', '.join(named)}")
    if run.without_tables:
        lines.append(
            f"{run.without_tables} tasks have no stage table: they count by the name of their "
            "process, without sequences and tokens"
        )
    lines.append(f"Time in stages:  {format_clock(total)} (sum over tasks)")
    if wall_seconds is not None:
        lines.append(f"Total wall time: {format_clock(wall_seconds)}")
    elif run.task_seconds is not None:
        lines.append(f"Total wall time: {format_clock(run.task_seconds)} (first task to last)")
    return "\n".join(lines) + "\n"


def compare_runs(run: RunSummary, baseline: RunSummary, name: str) -> str:
    """How many times as fast each stage was as in ``baseline``, which is called ``name``, as text.

    A stage is compared by its sum over tasks, the wall time from the first task to the last.
    """
    width = max(map(len, STAGES))
    lines = [f"Against {name}:", f"{'Stage':<{width}} {'Seconds':>10} {'Baseline':>10} Speed-up"]
    for mine, other in zip(run.stages, baseline.stages, strict=True):
        numbers = f"{mine.seconds:>10.2f} {other.seconds:>10.2f}"
        lines.append(f"{mine.name:<{width}} {numbers} {_speed_up(mine.seconds, other.seconds)}")
    mine_total, other_total = (sum(s.seconds for s in r.stages) for r in (run, baseline))
    numbers = f"{mine_total:>10.2f} {other_total:>10.2f}"
    lines.append(f"{'All stages':<{width}} {numbers} {_speed_up(mine_total, other_total)}")
    if run.task_seconds is not None and baseline.task_seconds is not None:
        numbers = f"{format_clock(run.task_seconds):>10} {format_clock(baseline.task_seconds):>10}"
        speed_up = _speed_up(run.task_seconds, baseline.task_seconds)
        lines.append(f"{'Wall time, first task to last':<{width}} {numbers} {speed_up}")
    elif run.n_cached or baseline.n_cached:
        which = " and ".join(
            f"{r.n_cached} tasks of {whose}"
            for r, whose in ((run, "this run"), (baseline, "the baseline"))
            if r.n_cached
        )
        lines.append(f"Wall times are not compared: {which} came from the cache")
    return "\n".join(lines) + "\n"


def _speed_up(mine: float, other: float) -> str:
    return f"{other / mine:>7.2f}x" if mine > 0 and other > 0 else f"{'-':>8}"


def _cached_mark(stage: StageSummary) -> str:
    return " (cached)" if stage.tasks == stage.cached else ""
