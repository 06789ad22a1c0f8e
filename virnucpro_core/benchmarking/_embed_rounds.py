"""Rounds: every contestant embeds the same sequences once, in turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from virnucpro_core.benchmarking._embed_report import ContestantRow, WorkloadTable
from virnucpro_core.benchmarking._worker_process import WorkerProcess
from virnucpro_core.benchmarking._workloads import Workload
from virnucpro_core.errors import VirnucproError

__all__ = ["OURS", "Entry", "Plan", "measure_model"]

OURS = "virnucpro"
_CHECKED = {
    "protein": Workload("check", "protein", 16, 20),
    "dna": Workload("check", "dna", 90, 99),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant as it is entered.

    Attributes:
        name: in the tables.
        worker: its key in `CONTESTANTS`.
        command: gives the command line of its worker; may install it first.
        load: options to load it with; entries with equal commands and options share a process.
        run: options of each run.
        remark: what a reader of its row should know.
        prepare: whether it first writes files of its own, in another process, not timed.
    """

    name: str
    worker: str
    command: Callable[[], list[str]]
    load: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    prepare: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        n_sequences: what `Workload.sequences` is asked for.
        rounds: rounds after the warm-up.
        n_threads: threads of each worker.
        patience: seconds that a contestant may take for a round; a slower one embeds only the
            first sequence, once.
        timeout: seconds after which a worker that does not answer is ended.
        say: told what is being done.
    """

    n_sequences: int
    rounds: int
    n_threads: int
    patience: float
    timeout: float
    say: Callable[[str], None]


@dataclass(slots=True)
class _Seat:
    entry: Entry
    process: WorkerProcess | None = None
    precision: str = ""
    reason: str = ""
    load_seconds: float | None = None
    peak_rss: int | None = None
    cosine: float | None = None
    tokens_per_second: float = 0.0
    is_slow: bool = False

    def fail(self, reason: str) -> None:
        self.reason, self.process = reason, None

    def row(self) -> ContestantRow:
        return ContestantRow(
            name=self.entry.name,
            precision=self.precision or str(self.entry.load.get("precision", "")),
            reason="; ".join(text for text in (self.reason, self.entry.remark) if text),
            load_seconds=self.load_seconds,
            peak_rss=self.peak_rss,
            cosine=self.cosine,
        )


def measure_model(
    name: str, directory: Path, entries: Sequence[Entry], workloads: Sequence[Workload], plan: Plan
) -> list[WorkloadTable]:
    """Measure the contestants ``entries`` on each of ``workloads``, all of one kind.

    A contestant that cannot be installed, loaded or run has its reason in its row; the others go
    on. The first entry must be ours.

    Args:
        name: of the model, for the tables.
        directory: what `make_models` wrote.
    """
    processes: dict[str, WorkerProcess] = {}
    seats = [_Seat(entry) for entry in entries]
    try:
        for seat in seats:
            plan.say(f"{name}: load {seat.entry.name} {seat.entry.load.get('precision', '')}")
            _load(seat, seats, directory, processes, plan)
        _compare(seats, workloads[0].kind, plan)
        return [_measure(name, workload, seats, plan) for workload in workloads]
    finally:
        for process in processes.values():
            process.close()


def _load(
    seat: _Seat,
    seats: Sequence[_Seat],
    directory: Path,
    processes: dict[str, WorkerProcess],
    plan: Plan,
) -> None:
    try:
        command = seat.entry.command()
        key = json.dumps([command, dict(seat.entry.load)])
        if key in processes:
            twin = next(other for other in seats if other.process is processes[key])
            seat.process, seat.precision = twin.process, twin.precision
            seat.load_seconds, seat.peak_rss = twin.load_seconds, twin.peak_rss
            return
        request = {"model": str(directory), "options": dict(seat.entry.load)}
        if seat.entry.prepare:
            helper = WorkerProcess(command, plan.n_threads)
            try:
                helper.ask({"command": "prepare", **request}, plan.timeout)
            finally:
                helper.close()
        process = processes[key] = WorkerProcess(command, plan.n_threads)
        answer = process.ask({"command": "load", **request}, plan.timeout)
    except (VirnucproError, OSError, StopIteration) as error:
        seat.fail(f"cannot be run here: {error}")
        return
    seat.process, seat.precision = process, answer["precision"]
    seat.load_seconds, seat.peak_rss = answer["seconds"], answer["peak_rss"]


def _compare(seats: Sequence[_Seat], kind: str, plan: Plan) -> None:
    """The smallest cosine of each contestant's embeddings to ours in fp32."""
    request = {"command": "embed", "sequences": _CHECKED[kind].sequences(2)}
    values: dict[int, Any] = {}
    for i, seat in enumerate(seats):
        if seat.process is None:
            continue
        try:
            values[i] = np.array(seat.process.ask(request, plan.timeout)["values"])
        except VirnucproError as error:
            seat.fail(f"cannot be run here: {error}")
    reference = next(
        (
            v
            for i, v in values.items()
            if (seats[i].entry.name, seats[i].precision) == (OURS, "fp32")
        ),
        None,
    )
    for i, value in values.items():
        if reference is not None and value.shape == reference.shape:
            norms = np.linalg.norm(value, axis=1) * np.linalg.norm(reference, axis=1)
            seats[i].cosine = float(((value * reference).sum(1) / norms).min())


def _measure(name: str, workload: Workload, seats: Sequence[_Seat], plan: Plan) -> WorkloadTable:
    sequences = workload.sequences(plan.n_sequences)
    table = WorkloadTable(name, workload.name, len(sequences))
    rows = [(seat, seat.row()) for seat in seats]
    table.rows = [row for _, row in rows]
    for seat, row in rows:
        plan.say(f"{name}, {workload.name}: warm-up {row.name} {row.precision}")
        with _failures(seat, row):
            _warm_up(seat, row, sequences, plan)
    for number in range(1, plan.rounds + 1):
        for seat, row in rows:
            if seat.process is None or seat.is_slow:
                continue
            plan.say(f"{name}, {workload.name}: round {number} {row.name} {row.precision}")
            with _failures(seat, row):
                _round(seat, row, sequences, table, plan)
    return table


@contextmanager
def _failures(seat: _Seat, row: ContestantRow) -> Iterator[None]:
    """A contestant that fails keeps its reason and loses its seat."""
    try:
        yield
    except VirnucproError as error:
        seat.fail(f"failed: {error}")
        row.reason, row.seconds, row.limits = seat.reason, [], []


def _run(seat: _Seat, sequences: Sequence[str], plan: Plan, *, limit: bool) -> dict[str, Any]:
    if seat.process is None:
        raise AssertionError("only contestants with a process run")
    request = {
        "command": "run",
        "sequences": list(sequences),
        "options": dict(seat.entry.run),
        "limit": limit,
    }
    return seat.process.ask(request, plan.timeout)


def _warm_up(seat: _Seat, row: ContestantRow, sequences: Sequence[str], plan: Plan) -> None:
    if seat.process is None:
        return
    if seat.is_slow:
        row.reason = f"left out: {seat.tokens_per_second:.1f} tokens/s on the workload before"
        return
    first, whole = len(sequences[0]), sum(map(len, sequences))
    seconds = _run(seat, sequences[:1], plan, limit=False)["seconds"]
    if seconds < plan.patience / 10:  # the first call may have been about the program's start
        seconds = _run(seat, sequences[:1], plan, limit=False)["seconds"]
    if seconds * whole / first > plan.patience and seat.entry.name != OURS:
        seat.is_slow, seat.tokens_per_second = True, first / seconds
        row.seconds, row.fraction = [seconds], first / whole
        row.reason = (
            f"one run of one sequence, scaled: a round would take {seconds * whole / first:.0f} s;"
            f" {row.reason}"
        ).rstrip("; ")
        return
    _run(seat, sequences[: max(2, len(sequences) // 4)], plan, limit=False)


def _round(
    seat: _Seat, row: ContestantRow, sequences: Sequence[str], table: WorkloadTable, plan: Plan
) -> None:
    answer = _run(seat, sequences, plan, limit=seat.entry.name == OURS)
    row.seconds.append(answer["seconds"])
    if "limits" in answer:
        row.limits.append(max(answer["limits"]))
        table.linear, table.attention = answer["linear"], answer["attention"]
        table.n_tokens = answer["n_tokens"]
