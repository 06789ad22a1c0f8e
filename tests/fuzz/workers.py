"""Cases in a few processes, so that one that hangs or dies is a finding and not the end."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from tests.fuzz.run import Outcome, run_case

SECONDS = 60.0
"""Longest time for a case, which takes some hundredths; a machine may be busy."""

_CASES = 25


def run_cases(
    seed: int,
    numbers: Sequence[int],
    n_workers: int,
    run: Callable[[int, int], Outcome] = run_case,
) -> Iterator[Outcome]:
    """Run the cases; outcomes come in any order."""
    groups = [numbers[at : at + _CASES] for at in range(0, len(numbers), _CASES)]
    workers: dict[Connection, tuple[SpawnProcess, list[int]]] = {}
    try:
        for _ in range(min(n_workers, len(groups))):
            _start(workers, run, seed, list(groups.pop()))
        while workers:
            ready = wait(list(workers), SECONDS)
            for connection in ready or list(workers):
                assert isinstance(connection, Connection)
                process, left = workers[connection]
                try:
                    if not ready:
                        raise TimeoutError
                    outcome = connection.recv()
                except (EOFError, TimeoutError) as error:
                    del workers[connection]
                    process.kill()
                    process.join()
                    how = "hangs" if isinstance(error, TimeoutError) else "ends its process"
                    yield Outcome(left[0], "?", None, (f"it {how} ({process.exitcode})",))
                    if rest := left[1:] or (groups and list(groups.pop())):
                        _start(workers, run, seed, list(rest))
                    continue
                left.remove(outcome.number)
                yield outcome
                if not left:
                    if groups:
                        left += groups.pop()
                        connection.send(list(left))
                    else:
                        del workers[connection]
                        connection.send([])
                        process.join()
    finally:
        for process, _ in workers.values():
            process.kill()
            process.join()


def _start(
    workers: dict[Connection, tuple[SpawnProcess, list[int]]],
    run: Callable[[int, int], Outcome],
    seed: int,
    numbers: list[int],
) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, run, seed), daemon=True)
    process.start()
    theirs.close()
    workers[ours] = process, numbers
    ours.send(list(numbers))


def _work(connection: Connection, run: Callable[[int, int], Outcome], seed: int) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    while numbers := connection.recv():
        for number in numbers:
            connection.send(run(seed, number))
