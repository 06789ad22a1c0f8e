"""What the tests of leases start and look at: processes that lease, and their logs."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

from virnucpro_core.embedding import _lease, lease_device
from virnucpro_core.errors import VirnucproError

PATIENCE = 120.0
"""Seconds after which a process that should have gone on counts as stuck."""

# Forked from a server that has imported torch once: spawned ones would each take seconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["virnucpro_core.embedding", __name__])


def two_devices() -> list[str | None]:
    return ["aaaa", "bbbb"]


def lease(name: str, directory: Path, **options: object) -> AbstractContextManager[str]:
    """`lease_device` on a machine with two CUDA devices."""
    return lease_device(name, directory=directory, **{"uuids": two_devices, **options})


def is_free(name: str, leases: Path, **options: object) -> bool:
    """Whether ``name`` could be leased now."""
    try:
        with lease(name, leases, wait=False, **options):
            return True
    except VirnucproError as error:
        if " cannot be had at once: " not in str(error):
            raise
        return False


def start(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    process = CONTEXT.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def finish(*processes: ForkServerProcess) -> None:
    """Wait for the end of all, and require that it is a good one."""
    for process in processes:
        process.join(PATIENCE)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    assert codes == [0] * len(processes)


def received(connection: Connection) -> object:
    """The next message."""
    assert connection.poll(PATIENCE)
    return connection.recv()


def log(path: Path, *words: object) -> None:
    """Append a line: whole, whoever else appends."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    os.close(descriptor)


def most_at_once(path: Path) -> int:
    """Of a log of numbers that enter and leave: the largest sum of those inside."""
    now = most = 0
    for line in path.read_text().splitlines():
        word, number = line.split()
        now += int(number) if word == "enter" else -int(number)
        most = max(most, now)
    assert now == 0
    return most


def meet_another(directory: Path, path: Path, both: Barrier) -> None:
    """Lease a device, and leave only after somebody who has a device at the same time."""
    _lease._POLL_SECONDS = 0.005
    with lease("cuda", directory) as device:
        log(path, "enter", device)
        both.wait(PATIENCE)
        log(path, "leave", device)


def compute(
    directory: Path, path: Path, threads: int, both: Barrier | None, cpus: set[int]
) -> None:
    """Lease some of ``cpus`` three times; with a barrier, hold them beside somebody else."""
    _lease._POLL_SECONDS = 0.005
    os.sched_setaffinity(0, cpus)
    for _ in range(1 if both else 3):
        with lease("cpu", directory, threads=threads):
            log(path, "enter", threads or len(cpus))
            if both is not None:
                both.wait(PATIENCE)
            log(path, "leave", threads or len(cpus))


def take_at_random(directory: Path, path: Path, seed: int) -> None:
    """Lease some of some of four CPUs, again and again."""
    _lease._POLL_SECONDS = 0.001
    chance = random.Random(seed)
    for _ in range(6):
        mask = set(chance.sample(range(4), chance.randint(1, 4)))
        threads = chance.randint(1, len(mask))
        _lease.usable_cpus = lambda mask=mask: mask
        with lease("cpu", directory, threads=threads):
            log(path, "enter", threads)
            log(path, "leave", threads)


def hold(name: str, directory: Path, ready: Connection) -> None:
    """Lease until killed."""
    with lease(name, directory):
        ready.send(os.getpid())
        signal.pause()


def hold_with_child(directory: Path, ready: Connection, forked: bool) -> None:
    """Lease, start a child that lives on, and tell its number."""
    with lease("cuda:0", directory):
        if not forked:
            child = subprocess.Popen(["sleep", "600"], close_fds=False).pid
        elif (child := os.fork()) == 0:
            ready.send("forked")
            signal.pause()
        ready.send(child)
        signal.pause()


def take_all(directory: Path, said: Connection, cpus: set[int]) -> None:
    """Lease all CPUs, and tell what was said meanwhile and when they are there."""
    _lease.usable_cpus = lambda: cpus
    with lease("cpu", directory, say=said.send):
        said.send("computes")
