"""How our seconds change with threads, processes and the number of sequences."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from virnucpro_core.benchmarking._embed_report import ScalingPoint
from virnucpro_core.benchmarking._embed_rounds import Entry, Plan
from virnucpro_core.benchmarking._worker_process import WorkerProcess
from virnucpro_core.benchmarking._workloads import Workload

__all__ = ["measure_scaling"]

_MULTIPLES = (1, 2, 4)
_REPEATS = 2


def measure_scaling(
    directory: Path, entry: Entry, workload: Workload, plan: Plan
) -> list[ScalingPoint]:
    """Time ours with 1 and 2 threads, in 1 and 2 processes, on 1, 2 and 4 times the sequences.

    Sweeps that need more than ``plan.n_threads`` cores are left out.

    Raises:
        VirnucproError: ours failed.
    """
    few = workload.sequences(2 * plan.n_sequences)
    many = [workload.sequences(2 * plan.n_sequences * multiple) for multiple in _MULTIPLES]
    counts = [n for n in (1, 2) if n <= plan.n_threads]
    plans: list[tuple[str, int, int, Sequence[str]]] = [
        *(("threads", n, 1, few) for n in counts),
        *(("processes", 1, n, few) for n in counts),
        *(("sequences", plan.n_threads, 1, sequences) for sequences in many),
    ]
    points = []
    for sweep, n_threads, n_processes, sequences in plans:
        plan.say(f"scaling: {sweep}, {n_processes} × {n_threads}, {len(sequences)} sequences")
        seconds = _measure(directory, entry, n_threads, n_processes, sequences, plan)
        points.append(ScalingPoint(sweep, n_threads, n_processes, len(sequences), seconds))
    return points


def _measure(
    directory: Path,
    entry: Entry,
    n_threads: int,
    n_processes: int,
    sequences: Sequence[str],
    plan: Plan,
) -> float:
    workers = [WorkerProcess(entry.command(), n_threads) for _ in range(n_processes)]
    load = {"command": "load", "model": str(directory), "options": dict(entry.load)}
    shares = [list(sequences[i::n_processes]) for i in range(n_processes)]
    try:
        for worker in workers:
            worker.ask(load, plan.timeout)
        runs = [_together(workers, shares, plan.timeout) for _ in range(1 + _REPEATS)]
    finally:
        for worker in workers:
            worker.close()
    return statistics.median(runs[1:])


def _together(
    workers: Sequence[WorkerProcess], shares: Sequence[Sequence[str]], timeout: float
) -> float:
    started = time.perf_counter()
    for worker, share in zip(workers, shares, strict=True):
        worker.send({"command": "run", "sequences": share})
    for worker in workers:
        worker.answer(timeout)
    return time.perf_counter() - started
