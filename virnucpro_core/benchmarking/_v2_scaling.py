"""Suite ``v2-scaling``: one, two and more workers on the same shards: speed-up, and same results.

A worker is a process with one thread, or on CUDA one with a device of its own, that has loaded the
encoder and waits. Shards go to workers whole, as Nextflow hands them out, so that every shard is
packed the same way whoever embeds it: its embeddings must be the same to the bit.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from virnucpro_core._limits import available_cpus
from virnucpro_core.benchmarking._encoder_bench import KINDS, frames_of, make_shards
from virnucpro_core.benchmarking._suite_report import Check, Panel, Point, SuiteReport, Target
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.benchmarking._suites import Say
from virnucpro_core.benchmarking._worker_process import WorkerProcess
from virnucpro_core.models import EncoderKind, open_bundle

__all__ = ["measure"]

_RECORDS, _QUICK_RECORDS = 20_000, 800
_SHARDS_PER_WORKER = 2
_MOST_WORKERS = 8
_TIMEOUT = 1_800.0
LEAST_OF_DEVICES = 1.9
LEAST_OF_PROCESSES = 1.8
LEAST_OF_THREADS = 1.6


def measure(settings: SuiteSettings, say: Say) -> SuiteReport:
    """Embed the same shards with every number of workers, in turn."""
    is_cuda = settings.embed_settings().device.type == "cuda"
    noun = "device" if is_cuda else "process"
    n_most = min(torch.cuda.device_count() if is_cuda else available_cpus(), _MOST_WORKERS)
    numbers = [n for n in (1, 2, 4, 8) if n <= n_most]
    n_records = _QUICK_RECORDS if settings.quick else _RECORDS
    panels: list[Panel] = []
    checks: list[Check] = []
    targets: list[Target] = []
    with tempfile.TemporaryDirectory() as name:
        made = make_shards(settings, n_records, Path(name), shard_frames=1_000_000)
        for kind in KINDS:
            shards = _split(made, kind, _SHARDS_PER_WORKER * n_most)
            say(f"{kind}: {', '.join(map(str, numbers))} times one {noun}, {len(shards)} shards")
            with _workers(settings, kind, n_most, is_cuda=is_cuda) as workers:
                seconds, digests = _measure(workers, shards, numbers, settings.rounds)
            points = [Point(_count(n, noun), tuple(seconds[n]), n) for n in numbers]
            ratios = [_speed_up(n, seconds, noun) for n in numbers]
            checks += [_same(kind, n, noun, digests) for n in numbers[1:]]
            if is_cuda or n_most < 2:
                threads = None
            else:
                with _workers(settings, kind, 1, n_threads=2) as one:
                    both, _ = _measure(one, shards, [1], settings.rounds)
                threads = tuple(a / b for a, b in zip(seconds[1], both[1], strict=True))
            panels += [
                Panel(f"Seconds, {kind}", "s", tuple(points), "lower", noun),
                Panel(f"Speed-up, {kind}", "times one worker", _bars(ratios, threads), "higher"),
                Panel(
                    f"Efficiency, {kind}",
                    "speed-up a worker",
                    tuple(
                        Point(r.name, tuple(v / n for v in r.values))
                        for n, r in zip(numbers, ratios, strict=True)
                    ),
                    "higher",
                ),
            ]
            targets += _targets(kind, ratios, threads, is_cuda=is_cuda)
    return SuiteReport(
        suite="v2-scaling",
        settings={
            **settings.to_json(),
            "records": n_records,
            "workers": ", ".join(map(str, numbers)),
        },
        panels=panels,
        targets=targets,
        checks=checks,
        notes=[
            "Seconds are those until the last worker has embedded its shards, without loading "
            "weights. A process has one thread. Two threads are one process with two.",
        ],
    )


def _split(made: Sequence[Path], kind: EncoderKind, number: int) -> list[list[str]]:
    """The frames in ``number`` shards of about equal size; one that is empty is left out."""
    frames = frames_of(made, kind)
    letters = [frames[row].decode("ascii") for row in range(len(frames))]
    return [shard for first in range(number) if (shard := letters[first::number])]


@contextmanager
def _workers(
    settings: SuiteSettings,
    kind: EncoderKind,
    number: int,
    *,
    is_cuda: bool = False,
    n_threads: int = 1,
) -> Iterator[list[WorkerProcess]]:
    command = [sys.executable, "-m", "virnucpro_core.benchmarking._worker", "virnucpro"]
    bundle = str(open_bundle(settings.model).path)
    options = {"kind": kind, "precision": settings.precision, "bundle": bundle}
    workers = [WorkerProcess(command, n_threads) for _ in range(number)]
    try:
        for rank, worker in enumerate(workers):
            device = f"cuda:{rank}" if is_cuda else "cpu"
            told = {"command": "load", "model": bundle, "options": {**options, "device": device}}
            worker.ask(told, _TIMEOUT)
        yield workers
    finally:
        for worker in workers:
            worker.close()


def _measure(
    workers: Sequence[WorkerProcess],
    shards: Sequence[Sequence[str]],
    numbers: Sequence[int],
    rounds: int,
) -> tuple[dict[int, list[float]], dict[int, list[str]]]:
    """Seconds of each round and digests of the shards for each number of workers."""
    seconds: dict[int, list[float]] = {n: [] for n in numbers}
    digests: dict[int, list[str]] = {n: [] for n in numbers}
    for number in range(-1, rounds):
        for n in numbers:
            started = time.perf_counter()
            for rank, worker in enumerate(workers[:n]):
                worker.send({"command": "shards", "shards": shards[rank::n]})
            found = [worker.answer(_TIMEOUT)["sha256"] for worker in workers[:n]]
            took = time.perf_counter() - started
            # Shard i is the (i // n)th of worker i % n.
            digests[n] = [found[i % n][i // n] for i in range(len(shards))]
            if number >= 0:
                seconds[n].append(took)
    return seconds, digests


def _speed_up(n: int, seconds: dict[int, list[float]], noun: str) -> Point:
    ratios = tuple(one / many for one, many in zip(seconds[1], seconds[n], strict=True))
    return Point(_count(n, noun), ratios)


def _bars(ratios: Sequence[Point], threads: tuple[float, ...] | None) -> tuple[Point, ...]:
    return (*ratios, *([Point("1 process of 2 threads", threads)] if threads else []))


def _same(kind: EncoderKind, n: int, noun: str, digests: dict[int, list[str]]) -> Check:
    n_equal = sum(a == b for a, b in zip(digests[1], digests[n], strict=True))
    return Check(
        f"{kind}: {_count(n, noun)} give the same bits as one",
        n_equal == len(digests[1]),
        f"SHA-256 of {n_equal} of {len(digests[1])} shards are equal",
    )


def _targets(
    kind: EncoderKind,
    ratios: Sequence[Point],
    threads: tuple[float, ...] | None,
    *,
    is_cuda: bool,
) -> list[Target]:
    two = next((point.median for point in ratios if point.name.startswith("2 ")), None)
    n_devices = torch.cuda.device_count()
    devices = two if is_cuda else None
    targets = [
        Target(
            f"speed-up of two devices, {kind}",
            "at least",
            LEAST_OF_DEVICES,
            devices,
            "shards need nothing of each other; a twentieth for what the host does for both",
            "" if devices is not None else f"no such device: {n_devices} CUDA devices in use here",
        )
    ]
    if not is_cuda:
        missing = "" if two is not None else "this machine has one core"
        targets += [
            Target(
                f"speed-up of two processes, {kind}",
                "at least",
                LEAST_OF_PROCESSES,
                two,
                "1.93 was measured on two quiet cores (docs/performance.md); they share caches",
                missing,
            ),
            Target(
                f"speed-up of two threads, {kind}",
                "at least",
                LEAST_OF_THREADS,
                None if threads is None else Point("", threads).median,
                "1.87 was measured on two quiet cores with ESM-2 35M (docs/performance.md); the "
                "smaller the encoder, the more threads wait for each other",
                missing,
            ),
        ]
    return targets


def _count(n: int, noun: str) -> str:
    plural = {"device": "devices", "process": "processes"}[noun]
    return f"1 {noun}" if n == 1 else f"{n} {plural}"
