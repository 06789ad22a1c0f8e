"""``virnucpro embed`` told to stop, or killed: what is finished is saved, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from virnucpro_core.cli import main

pytestmark = pytest.mark.slow

EMBED = Path(__file__).parents[2] / "bin" / "embed.py"
N_SEQUENCES = 3000
# Far beyond what a quiet machine needs, for a busy one: none of it is waited for in vain.
PATIENCE = 120.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a shard, and its embeddings made without a disturbance."""
    folder = tmp_path_factory.mktemp("stop")
    make_bundle(folder / "model")
    letters = "LAGVSERTIDPKQNFYMHWC"
    records = (
        f">p{n}\n{''.join(letters[(n * k + n) % 20] for k in range(1, 90))}{'AC' * (n % 17)}\n"
        for n in range(N_SEQUENCES)
    )
    (folder / "p.faa").write_text("".join(records))
    words = ["--sample", "p", "--molecule", "protein", "--outdir", str(folder)]
    assert main(["shard", str(folder / "p.faa"), *words]) == 0
    assert main(command(folder, folder / "whole.h5")[2:]) == 0
    return folder


def command(folder: Path, output: Path, *more: str) -> list[str]:
    """One token per batch: every sequence is one, so that there is time to stop in between."""
    words = ["--encoder", "protein", "--model", str(folder / "model"), "--output", str(output)]
    words += ["--token-budget", "1", "--precision", "fp32", *more]
    shard = str(folder / "shards" / "p.shard_00001.h5")
    return [sys.executable, str(EMBED), "embed", shard, *words]


Launch = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Starts a command; what a failed test leaves running would hold its lease for ever."""
    with ExitStack() as started:

        def start(words: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
            process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
                words, stderr=subprocess.PIPE, preexec_fn=heed_interrupts, **options
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start


@pytest.fixture
def start(folder: Path, tmp_path: Path, launch: Launch) -> Launch:
    """Starts to embed, with many parts."""
    words = command(folder, tmp_path / "e.h5", *kept(tmp_path, "0.1"))
    del words[2]  # the program is the command
    return partial(launch, words)


def kept(tmp_path: Path, part_seconds: str) -> list[str]:
    return ["--checkpoint-dir", str(tmp_path / "parts"), "--part-seconds", part_seconds]


def heed_interrupts() -> None:
    """A suite in the background of a shell ignores Ctrl-C, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_until(done: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert process.poll() is None, "it ended too soon"
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def parts(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "parts").rglob("*.h5"))


def finish(start: Launch, folder: Path, tmp_path: Path) -> str:
    """Let an undisturbed attempt end the work; its result must be that without disturbance."""
    process = start(stdout=subprocess.PIPE)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors.decode()
    assert (tmp_path / "e.h5").read_bytes() == (folder / "whole.h5").read_bytes()
    return output.decode() + errors.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_what_is_finished(
    start: Launch, folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(stdout=subprocess.PIPE)
    wait_until(lambda: len(parts(tmp_path)) > 0, process)
    before = len(parts(tmp_path))
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert errors.decode() == "virnucpro: error: stopped by a signal\n"
    assert len(parts(tmp_path)) > before
    assert not (tmp_path / "e.h5").exists()
    assert "by an earlier attempt" in finish(start, folder, tmp_path)
    assert output == b""


def test_a_signal_with_nobody_listening_any_more(
    start: Launch, folder: Path, tmp_path: Path
) -> None:
    read, write = os.pipe()
    process = start(stdout=write)
    os.close(write)
    wait_until(lambda: len(parts(tmp_path)) > 0, process)
    os.close(read)
    assert process.stderr is not None
    process.stderr.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 143
    assert "by an earlier attempt" in finish(start, folder, tmp_path)


def test_a_signal_before_the_work_has_begun(start: Launch, folder: Path, tmp_path: Path) -> None:
    process = start(stdout=subprocess.PIPE)
    wait_until(lambda: has_torch(process.pid), process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert errors.decode().startswith("virnucpro: error: stopped by")
    assert errors.decode().count("\n") == 1
    finish(start, folder, tmp_path)


def has_torch(pid: int) -> bool:
    return "libtorch_cpu" in Path(f"/proc/{pid}/maps").read_text()


def test_a_second_signal_ends_it_at_once(launch: Launch, folder: Path, tmp_path: Path) -> None:
    # The store hangs, and the time that the first signal leaves it is without end.
    words = command(folder, tmp_path / "e.h5", *kept(tmp_path, "0"))
    program = (
        "import os, sys, threading\n"
        "from virnucpro_core.embedding import _runner\n"
        "from virnucpro_core.store import Checkpoint\n"
        "_runner._STOP_SECONDS = 1e6\n"
        "def hang(*_):\n"
        f"    open({str(tmp_path / 'hangs')!r}, 'w').close()\n"
        "    threading.Event().wait()\n"
        "Checkpoint.commit = hang\n"
        "from virnucpro_core.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    process = launch([sys.executable, "-c", program, *words[2:]])
    wait_until((tmp_path / "hangs").exists, process)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert b"Traceback" not in errors
