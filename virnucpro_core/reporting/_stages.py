"""The nine classic stages: what each task did, and the summary at the end of a run.

Every task writes a ``stages.tsv``, one row for each stage that it did.  At the end of a run the
pipeline calls this file by its path on Nextflow's trace and the collected tables::

    python3 _stages.py trace.txt --stages-dir stages --wall-seconds 75 --output stages.txt

so nothing here may import anything but the standard library: the machine that runs the head job
may have no package installed.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "STAGES",
    "Stage",
    "StageSummary",
    "read_stages",
    "render_stages",
    "summarise_stages",
    "write_stages",
]

STAGES: tuple[str, ...] = (
    "Sequence Chunking",
    "Six-Frame Translation",
    "Nucleotide File Splitting",
    "Protein File Splitting",
    "DNABERT-S Feature Extraction",
    "ESM-2 Feature Extraction",
    "Feature Merging",
    "Model Prediction",
    "Consensus Scoring",
)
"""The stages in the order in which VirNucPro runs them."""

_COLUMNS = ("stage", "seconds", "sequences", "tokens")
_DONE = ("COMPLETED", "CACHED")
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage as one task did it.

    Attributes:
        name: one of :data:`STAGES`.
        seconds: wall-clock time, >= 0.
        sequences: records, chunks, frames or rows that went through.
        tokens: tokens embedded; 0 for stages that have none.
    """

    name: str
    seconds: float
    sequences: int
    tokens: int = 0

    def __post_init__(self) -> None:
        if self.name not in STAGES:
            raise ValueError(f"{self.name!r} is not a stage; one of {', '.join(STAGES)}")
        if not self.seconds >= 0 or self.sequences < 0 or self.tokens < 0:
            raise ValueError(f"{self.name}: a negative or missing time or count")


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage over the whole run: sums over the tasks that did it.

    Attributes:
        name: one of :data:`STAGES`.
        seconds: sum over tasks; for cached tasks the time recorded when they ran.
        sequences: sum over tasks.
        tokens: sum over tasks.
        tasks: tasks that did the stage; 0 when there was nothing to do.
        cached: how many of them came from the cache.
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


def write_stages(path: Path, stages: Iterable[Stage]) -> None:
    """Write a task's table: header ``stage, seconds, sequences, tokens``, tab-separated."""
    rows = ["\t".join(_COLUMNS)]
    rows += [f"{s.name}\t{s.seconds:.6f}\t{s.sequences}\t{s.tokens}" for s in stages]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def read_stages(path: Path) -> list[Stage]:
    """Read a task's table.

    Raises:
        ValueError: the file is not such a table; the message names the file and the line.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or tuple(lines[0].split("\t")) != _COLUMNS:
        raise ValueError(f"{path}:1: not a table of stages; its header is not {list(_COLUMNS)}")
    stages = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            name, seconds, sequences, tokens = line.split("\t")
            stages.append(Stage(name, float(seconds), int(sequences), int(tokens)))
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
    return stages


def _finished_tasks(trace: Path) -> list[tuple[str, bool]]:
    """The tasks of a trace that gave a result: ``(name of their table, came from cache)``.

    Raises:
        ValueError: the trace lacks the columns process, tag and status.
    """
    with trace.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = {"process", "tag", "status"} - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{trace}: the trace has no column {', '.join(sorted(missing))}")
        # The last line may still be being written: its status is then None.
        return [
            (f"{row['process'].rpartition(':')[2]}_{row['tag']}.tsv", row["status"] == "CACHED")
            for row in reader
            if row["status"] in _DONE
        ]


def _wait_for_tasks(trace: Path, tasks: int, timeout: float) -> list[tuple[str, bool]]:
    """Read the trace once it has ``tasks`` finished ones: Nextflow writes it from a queue."""
    deadline = time.monotonic() + timeout
    while True:
        finished = _finished_tasks(trace) if trace.exists() else []
        if len(finished) >= tasks:
            return finished
        if time.monotonic() > deadline:
            raise ValueError(f"{trace}: {len(finished)} of {tasks} tasks after {timeout:g} s")
        time.sleep(_POLL_SECONDS)


def summarise_stages(
    trace: Path, stages_dir: Path, *, tasks: int = 0, timeout: float = 10.0
) -> list[StageSummary]:
    """Sum the stages of a run's tasks.

    Args:
        trace: Nextflow's trace with the columns process, tag and status.
        stages_dir: tables named ``<PROCESS>_<tag>.tsv``.  Tables of tasks that are not in the
            trace (an earlier run into the same folder) do not count.
        tasks: how many finished tasks to wait for.
        timeout: the most seconds to wait.

    Returns:
        One summary for each of :data:`STAGES`, in their order.

    Raises:
        ValueError: the trace or a table cannot be understood or stays incomplete.
    """
    done: dict[str, list[tuple[Stage, bool]]] = {name: [] for name in STAGES}
    for table, cached in _wait_for_tasks(trace, tasks, timeout):
        path = stages_dir / table
        # A process without a table (REPORT) did none of the nine.
        for stage in read_stages(path) if path.exists() else []:
            done[stage.name].append((stage, cached))
    return [
        StageSummary(
            name=name,
            seconds=sum(stage.seconds for stage, _ in parts),
            sequences=sum(stage.sequences for stage, _ in parts),
            tokens=sum(stage.tokens for stage, _ in parts),
            tasks=len(parts),
            cached=sum(cached for _, cached in parts),
        )
        for name, parts in done.items()
    ]


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def render_stages(stages: Sequence[StageSummary], wall_seconds: float | None = None) -> str:
    """The summary as text: a row a stage, the three bottlenecks, the wall time as HH:MM:SS.

    Shares are of the sum of all stages, cached ones with the time recorded when they ran.
    """
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
    lines.append(f"Time in stages:  {_clock(total)} (sum over tasks)")
    if wall_seconds is not None:
        lines.append(f"Total wall time: {_clock(wall_seconds)}")
    return "\n".join(lines) + "\n"


def _cached_mark(stage: StageSummary) -> str:
    return " (cached)" if stage.tasks == stage.cached else ""


def _main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The summary of a run's nine stages.")
    parser.add_argument("trace", type=Path, help="Nextflow's trace")
    parser.add_argument("--stages-dir", type=Path, required=True, help="tables of the tasks")
    parser.add_argument("--wall-seconds", type=float, help="the run's wall time")
    parser.add_argument("--tasks", type=int, default=0, help="finished tasks to wait for")
    parser.add_argument("--output", type=Path, help="a file to save the summary in")
    options = parser.parse_args(argv)
    try:
        stages = summarise_stages(options.trace, options.stages_dir, tasks=options.tasks)
        text = render_stages(stages, options.wall_seconds)
        if options.output:
            options.output.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
