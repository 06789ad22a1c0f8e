"""Disturbing the whole pipeline: its head, its tasks, or the machine with all of them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bundles import make_bundle
from tests.faults.outcome import Outcome, heed_interrupts
from virnucpro_core.calling import RESULT_FILES, VIRAL_FILES

__all__ = ["KINDS", "PipelineWorld", "disturb", "make_world"]

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = (*RESULT_FILES, VIRAL_FILES[0])
MOST_FAULTS = 2
PATIENCE = 600.0
# Quick polls, and no waiting before a task is tried again: this machine is not really lost.
CONFIG = """
executor { pollInterval = '200 ms' }
params.preemption_wait = 0
"""


@dataclass(frozen=True, slots=True)
class PipelineWorld:
    """A model, reads, and the results of an undisturbed run.

    Attributes:
        folder: where all is; each run has a folder of its own in it.
        expected: bytes of each result file.
        seconds: how long an undisturbed run took.
    """

    folder: Path
    expected: dict[str, bytes]
    seconds: float


def make_world(folder: Path, n_reads: int = 400) -> PipelineWorld:
    """Make reads, two shards of them, and run the pipeline undisturbed."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(12)
    make_bundle(folder / "model")
    (folder / "quick.config").write_text(CONFIG)
    reads = (
        f">r{n}\n{''.join(rng.choices('ACGT', [9, 9, 9, 1], k=300))}\n" for n in range(n_reads)
    )
    (folder / "reads.fasta").write_text("".join(reads))
    world = PipelineWorld(folder, {}, 0.0)
    started = time.monotonic()
    head = _start(world, folder / "undisturbed")
    if head.wait(PATIENCE):
        raise AssertionError((folder / "undisturbed" / "log.txt").read_text())
    seconds = time.monotonic() - started
    return PipelineWorld(folder, _results(folder / "undisturbed"), seconds)


def disturb(world: PipelineWorld, kind: str, seed: int) -> Outcome:
    """One run: disturbed once or twice, and resumed until it is done."""
    rng = random.Random(f"{kind} {seed}")
    outcome = Outcome(kind, seed)
    run = world.folder / f"run {seed}"
    started = time.monotonic()
    head = _start(world, run)
    for _ in range(rng.randint(1, MOST_FAULTS)):
        outcome.faults += KINDS[kind](head, run, rng, world.seconds)
        if head.poll() is not None:
            head = _start(world, run)
    if head.wait(PATIENCE):
        head = _start(world, run)
        if head.wait(PATIENCE):
            outcome.wrong.append(f"the run cannot be resumed, exit code {head.returncode}")
    if not outcome.wrong:
        results = _results(run)
        outcome.wrong += [
            f"{name} differs" for name in RESULTS if results[name] != world.expected[name]
        ]
        if left := list((run / "work" / "checkpoints").glob("*/*/*.h5")):
            outcome.wrong.append(f"{len(left)} parts were left")
    outcome.seconds = time.monotonic() - started
    if not outcome.wrong:
        shutil.rmtree(run)
    return outcome


def _start(world: PipelineWorld, run: Path) -> subprocess.Popen[bytes]:
    run.mkdir(exist_ok=True)
    search = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ["PATH"]])
    program = shutil.which("nextflow", path=search)
    if program is None:
        raise AssertionError("no nextflow; run `make setup`")
    words = [
        program, "-c", world.folder / "quick.config", "run", REPOSITORY / "main.nf", "-resume",
        "--input", world.folder / "reads.fasta", "--model", world.folder / "model",
        "--precision", "fp32", "--token_budget", "200", "--part_seconds", "0",
        "--shard_frames", "700",
    ]  # fmt: skip
    with (run / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [str(word) for word in words],
            cwd=run,
            env={**os.environ, "PATH": search, "NXF_ANSI_LOG": "false", "NXF_OFFLINE": "true"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )


def _results(run: Path) -> dict[str, bytes]:
    return {name: (run / "results" / "reads" / name).read_bytes() for name in RESULTS}


def _tasks_of(run: Path, programs: Sequence[str]) -> list[int]:
    """Processes that run one of ``programs`` in the work folder of ``run``.

    Several tasks run lines.py; that of the consensus is meant.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            folder = (entry / "cwd").resolve()
            name = next((Path(w).name for w in words[:2] if Path(w).name in programs), None)
            if name is None or not folder.is_relative_to(run / "work"):
                continue
            script = (folder / ".command.sh").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended since
        if name != "lines.py" or "\nconsensus --records" in script:
            found.append(int(entry.name))
    return found


Strike = Callable[["subprocess.Popen[bytes]", Path, random.Random, float], int]
"""Disturbs a run, given its head, and says how often it hit."""


def _at_any_time(head: subprocess.Popen[bytes], rng: random.Random, seconds: float) -> bool:
    """Wait for a random moment; false when the run was done before."""
    moment = time.monotonic() + rng.uniform(0.1, 0.9) * seconds
    while time.monotonic() < moment:
        if head.poll() is not None:
            return False
        time.sleep(0.02)
    return True


def _signal_head(number: signal.Signals) -> Strike:
    def strike(head: subprocess.Popen[bytes], run: Path, rng: random.Random, seconds: float) -> int:
        if not _at_any_time(head, rng, seconds):
            return 0
        head.send_signal(number)
        # One that was done when the signal came was not hit.
        return int(head.wait(PATIENCE) != 0)

    return strike


def _lose_the_machine(
    head: subprocess.Popen[bytes], run: Path, rng: random.Random, seconds: float
) -> int:
    if not _at_any_time(head, rng, seconds):
        return 0
    for process in (head.pid, *_processes_below(head.pid)):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it went with its parent
    head.wait(PATIENCE)
    return 1


def _processes_below(pid: int) -> list[int]:
    words = ["ps", "-e", "-o", "pid=,ppid="]
    table = subprocess.run(words, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
    parents = [tuple(map(int, line.split())) for line in table.splitlines()]
    below = [child for child, parent in parents if parent == pid]
    return below + [deeper for child in below for deeper in _processes_below(child)]


def _signal_task(number: signal.Signals, *programs: str) -> Strike:
    def strike(head: subprocess.Popen[bytes], run: Path, rng: random.Random, seconds: float) -> int:
        # The machine's own task manager would show them for as long as they live: half a second
        # for a small one, so it is looked for often.
        while head.poll() is None:
            if tasks := _tasks_of(run, programs):
                time.sleep(rng.uniform(0, 6 if "embed.py" in programs else 0.5))
                hit = 0
                for task in tasks[:1]:
                    try:
                        os.kill(task, number)
                        hit += 1
                    except ProcessLookupError:
                        continue  # it was done before its time came
                return hit
            time.sleep(0.01)
        return 0

    return strike


KINDS = {
    "pipeline: KILL to the head": _signal_head(signal.SIGKILL),
    "pipeline: TERM to the head": _signal_head(signal.SIGTERM),
    "pipeline: INT to the head": _signal_head(signal.SIGINT),
    "pipeline: KILL to all processes": _lose_the_machine,
    "pipeline: KILL to an embedding task": _signal_task(signal.SIGKILL, "embed.py"),
    "pipeline: TERM to an embedding task": _signal_task(signal.SIGTERM, "embed.py"),
    "pipeline: KILL while merging": _signal_task(signal.SIGKILL, "classify.py", "lines.py"),
    "pipeline: TERM while merging": _signal_task(signal.SIGTERM, "classify.py", "lines.py"),
}
"""Ways to disturb the pipeline, by name."""
