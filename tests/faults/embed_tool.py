"""Disturbing ``virnucpro embed``: killed, told to stop, paused, run twice at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bundles import make_bundle
from tests.faults.outcome import Outcome, heed_interrupts
from virnucpro_core.cli import main
from virnucpro_core.store import (
    list_checkpoints,
    open_store,
    read_embeddings,
    read_shard,
    verify_checkpoint,
)

__all__ = ["KINDS", "EmbedWorld", "disturb", "make_world"]

REPOSITORY = Path(__file__).resolve().parents[2]
ENCODERS = ("dna", "protein")
PART_SECONDS = 0.2
MOST_FAULTS = 3
# Far beyond what an attempt needs: a hang is a failure, not a wait.
PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class EmbedWorld:
    """A model, a shard of reads, and its embeddings made without a disturbance.

    Attributes:
        folder: where all is; each run has a folder of its own in it.
        shard: what is embedded.
        expected: bytes of the undisturbed result, for each encoder.
        seconds: how long an undisturbed attempt took.
    """

    folder: Path
    shard: Path
    expected: dict[str, bytes]
    seconds: dict[str, float]


def make_world(folder: Path, n_reads: int = 250) -> EmbedWorld:
    """Prepare reads and embed them undisturbed."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(11)
    make_bundle(folder / "model")
    reads = (f">r{n}\n{''.join(rng.choices('ACG', k=300))}\n" for n in range(n_reads))
    (folder / "reads.fasta").write_text("".join(reads))
    words = ["--sample", "s", "--window-size", "300", "--outdir", str(folder)]
    if main(["prepare", str(folder / "reads.fasta"), *words]):
        raise AssertionError("the reads cannot be prepared")
    shard = folder / "shards" / "s.shard_00001.h5"
    expected, seconds = {}, {}
    for encoder in ENCODERS:
        world = EmbedWorld(folder, shard, {}, {})
        started = time.monotonic()
        process = _start(world, encoder, folder / encoder)
        if process.wait(PATIENCE):
            raise AssertionError("the undisturbed run failed")
        seconds[encoder] = time.monotonic() - started
        expected[encoder] = (folder / encoder / "e.h5").read_bytes()
    return EmbedWorld(folder, shard, expected, seconds)


def disturb(world: EmbedWorld, kind: str, seed: int) -> Outcome:
    """One run: attempts that are disturbed at random moments, then one that is not."""
    rng = random.Random(f"{kind} {seed}")
    outcome = Outcome(kind, seed)
    encoder = rng.choice(ENCODERS)
    run = world.folder / f"run {kind} {seed}"
    attempts: list[subprocess.Popen[bytes]] = []
    started = time.monotonic()
    try:
        _disturb_attempts(world, encoder, run, rng, attempts, outcome)
    finally:
        for process in attempts:
            process.kill()
            process.wait()
    outcome.seconds = time.monotonic() - started
    return outcome


def _disturb_attempts(
    world: EmbedWorld,
    encoder: str,
    run: Path,
    rng: random.Random,
    attempts: list[subprocess.Popen[bytes]],
    outcome: Outcome,
) -> None:
    """Start ``attempts``, all but the last disturbed, and note what happens in ``outcome``."""
    kind = KINDS[outcome.kind]
    for _ in range(rng.randint(1, MOST_FAULTS)):
        begun = time.time()
        process = _start(world, encoder, run)
        attempts.append(process)
        _wait(process, kind.moment(run, rng, world.seconds[encoder]))
        if process.poll() is not None:
            break  # it was done before its time came
        before = time.time()
        kind.strike(process, rng)
        if kind.lives_on:
            outcome.faults += 1
            continue
        # One that was done when the signal came was not hit.
        outcome.faults += process.wait(PATIENCE) != 0
        outcome.wrong += _damage(run)
        if process.returncode == -signal.SIGKILL and (newest := _newest_part(run)) > begun:
            outcome.lost_seconds.append(max(before - newest, 0.0))
        if process.returncode not in (0, 143, -signal.SIGKILL, -signal.SIGTERM):
            outcome.wrong.append(f"exit code {process.returncode}")
    undisturbed = [process for process in attempts if kind.lives_on and process.poll() is None]
    undisturbed.append(_start(world, encoder, run))
    attempts.append(undisturbed[-1])
    for process in undisturbed:
        process.send_signal(signal.SIGCONT)
        if process.wait(PATIENCE):
            outcome.wrong.append(f"an undisturbed attempt ended with {process.returncode}")
    outcome.wrong += _damage(run) + _differences(world, encoder, run)


def _start(world: EmbedWorld, encoder: str, run: Path) -> subprocess.Popen[bytes]:
    run.mkdir(exist_ok=True)
    words = [
        sys.executable, REPOSITORY / "bin" / "embed.py", world.shard, "--encoder", encoder,
        "--model", world.folder / "model", "--output", run / "e.h5", "--precision", "fp32",
        "--token-budget", "150", "--checkpoint-dir", run / "parts",
        "--part-seconds", str(PART_SECONDS),
    ]  # fmt: skip
    with (run / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [str(word) for word in words],
            # Attempts stand for machines of their own here, and do not wait for each other.
            env={**os.environ, "VIRNUCPRO_LEASES": "off"},
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )


def _wait(process: subprocess.Popen[bytes], is_time: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and not is_time():
        if time.monotonic() > deadline:
            raise AssertionError("an attempt hangs")
        time.sleep(0.0005)


def _parts(run: Path) -> list[Path]:
    return list((run / "parts").glob("*/*/[!.]*.h5"))


def _newest_part(run: Path) -> float:
    return max((path.stat().st_mtime for path in _parts(run)), default=0.0)


def _damage(run: Path) -> list[str]:
    """What is not whole in the checkpoint of a run that was just disturbed."""
    store = open_store(run / "parts")
    bad = [
        part for summary in list_checkpoints(store) for part in verify_checkpoint(store, summary)
    ]
    # The manifest is written before the first part, so a kill in between leaves none of it.
    return [f"{part.name}: {part.reason}" for part in bad]


def _differences(world: EmbedWorld, encoder: str, run: Path) -> list[str]:
    wrong = []
    if (run / "e.h5").read_bytes() != world.expected[encoder]:
        wrong.append("the embeddings differ from the undisturbed ones")
    if read_embeddings(run / "e.h5").ids != read_shard(world.shard).frame_ids():
        wrong.append("the ids are not those of the shard, in its order")
    if "Traceback" in (run / "log.txt").read_text():
        wrong.append("a traceback in the log")
    return wrong


Moment = Callable[[Path, random.Random, float], Callable[[], bool]]
Strike = Callable[["subprocess.Popen[bytes]", random.Random], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to disturb an attempt.

    Attributes:
        moment: when.
        strike: how.
        lives_on: whether the attempt goes on, later, beside the next ones.
    """

    moment: Moment
    strike: Strike
    lives_on: bool = False


def _any_time(run: Path, rng: random.Random, seconds: float) -> Callable[[], bool]:
    moment = time.monotonic() + rng.uniform(0, seconds)
    return lambda: time.monotonic() >= moment


def _while_it_embeds(run: Path, rng: random.Random, seconds: float) -> Callable[[], bool]:
    wanted = len(_parts(run)) + rng.randint(1, 5)
    return lambda: len(_parts(run)) >= wanted


def _while_a_part_is_written(run: Path, rng: random.Random, seconds: float) -> Callable[[], bool]:
    after = len(_parts(run)) + rng.randint(0, 4)
    return lambda: len(_parts(run)) >= after and bool(list((run / "parts").rglob(".*.tmp")))


def _while_the_result_is_written(
    run: Path, rng: random.Random, seconds: float
) -> Callable[[], bool]:
    return lambda: bool(list(run.glob(".e.h5.*")))


def _kill(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    process.kill()


def _terminate(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    process.terminate()


def _interrupt_group(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    os.killpg(process.pid, signal.SIGINT)


def _terminate_then_kill(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    process.terminate()
    time.sleep(rng.uniform(0, 0.05))
    process.kill()


def _terminate_twice(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    process.terminate()
    time.sleep(rng.uniform(0, 0.05))
    process.terminate()


def _pause(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    process.send_signal(signal.SIGSTOP)


KINDS = {
    "KILL at any time": Kind(_any_time, _kill),
    "KILL while it embeds": Kind(_while_it_embeds, _kill),
    "KILL while a part is written": Kind(_while_a_part_is_written, _kill),
    "KILL while the result is written": Kind(_while_the_result_is_written, _kill),
    "TERM at any time": Kind(_any_time, _terminate),
    "TERM while it embeds": Kind(_while_it_embeds, _terminate),
    "TERM while a part is written": Kind(_while_a_part_is_written, _terminate),
    "INT to its group": Kind(_while_it_embeds, _interrupt_group),
    "TERM, and KILL at once": Kind(_while_it_embeds, _terminate_then_kill),
    "TERM twice": Kind(_while_it_embeds, _terminate_twice),
    "paused, then goes on beside the next": Kind(_while_it_embeds, _pause, lives_on=True),
}
"""Ways to disturb the embedding tool, by name."""
