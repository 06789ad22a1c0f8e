"""Leases: who may compute where, and when."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.unit.embedding import leasing
from tests.unit.embedding.leasing import CONTEXT, PATIENCE, finish, is_free, lease, received, start
from virnucpro_core.embedding import EmbedSettings, Precision, _lease, _settings, leased_settings
from virnucpro_core.errors import UsageError, VirnucproError

pytestmark = pytest.mark.usefixtures("two_cpus")


def test_no_two_tasks_share_a_device_and_every_device_is_used(leases: Path, tmp_path: Path) -> None:
    log, both = tmp_path / "log", CONTEXT.Barrier(2)
    finish(*(start(leasing.meet_another, leases, log, both) for _ in range(8)))
    holders = {"cuda:0": 0, "cuda:1": 0}
    lines = log.read_text().splitlines()
    for line in lines:
        word, device = line.split()
        holders[device] += 1 if word == "enter" else -1
        assert holders[device] in (0, 1), lines
    # Everybody met somebody: both devices were in use at the same time, four times.
    assert [sum(line == f"enter {device}" for line in lines) for device in holders] == [4, 4]


def test_the_first_free_device_is_taken_and_a_named_one_waited_for(leases: Path) -> None:
    before = dict(os.environ)
    with lease("cuda", leases) as first, lease("auto", leases) as second:
        assert (first, second) == ("cuda:0", "cuda:1")
        assert not is_free("cuda", leases)
    with lease("cuda:0", leases):
        assert not is_free("cuda:0", leases)
        with lease("cuda", leases) as other:
            assert other == "cuda:1"
    assert is_free("cuda:0", leases)
    assert dict(os.environ) == before


def test_without_a_device_auto_is_the_cpu_and_cuda_an_error(leases: Path) -> None:
    with lease("auto", leases, uuids=list) as device:
        assert device == "cpu"
    for name in ("cuda", "cuda:0"):
        with (
            pytest.raises(UsageError, match="sees no such CUDA device"),
            lease(name, leases, uuids=list),
        ):
            pass
    for name in ("cuda:2", "tpu", "cuda:x", "CPU"):
        with pytest.raises(UsageError, match=f"device '?{name}"), lease(name, leases):
            pass


FIRST, SECOND = (
    "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",
    "GPU-2D203955-9FEB-4ED9-BFE7-C5BDC12C8A6E",
)
TOLD = [name.removeprefix("GPU-").lower() for name in (FIRST, SECOND)]  # as torch tells them


@pytest.mark.parametrize(
    ("mine", "my_uuids", "other", "other_uuids", "same"),
    [
        # Device 0 of the other process is my second, is my first.
        ("0,1", TOLD, "1", TOLD[1:], False),
        ("1,0", TOLD[::-1], "1", TOLD[1:], True),
        (None, TOLD, FIRST, TOLD[:1], True),
        (None, TOLD, SECOND, TOLD[1:], False),
        (SECOND, TOLD[1:], "1", TOLD[1:], True),
        ("GPU-8932f937", TOLD[:1], None, TOLD, True),
        # Where torch does not tell.
        (None, [None, None], "0", [None], True),
        ("1", [None], "1", [None], True),
        ("1", [None], None, [None, None], False),
        (FIRST, [None], FIRST, [None], True),
        (FIRST, [None], SECOND, [None], False),
        (FIRST, [None], None, TOLD, True),
        # Slices of one card, which have the card's UUID.
        ("MIG-8932f937-1", TOLD[:1], "MIG-8932f937-2", TOLD[:1], False),
        ("MIG-GPU-8932f937/1/0", TOLD[:1], "MIG-GPU-8932f937/1/0", TOLD[:1], True),
    ],
)
def test_two_masks_that_name_the_same_card_collide(
    leases: Path,
    mine: str | None,
    my_uuids: Sequence[str | None],
    other: str | None,
    other_uuids: Sequence[str | None],
    same: bool,
) -> None:
    masks = [{} if mask is None else {"CUDA_VISIBLE_DEVICES": mask} for mask in (mine, other)]
    with lease("cuda:0", leases, environment=masks[0], uuids=lambda: my_uuids) as device:
        assert device == "cuda:0"
        theirs = {"environment": masks[1], "uuids": lambda: other_uuids}
        assert is_free("cuda:0", leases, **theirs) == (not same)


def test_torch_is_asked_for_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _lease.device_uuids() == []
    cards = [SimpleNamespace(uuid="8932f937-d72c"), SimpleNamespace()]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", cards.__getitem__)
    assert _lease.device_uuids() == ["8932f937-d72c", None]


def test_who_waits_says_for_what_and_who_has_it(
    leases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["/opt/bin/embed.py", "a shard.h5", "--encoder", "dna"])
    lines: list[str] = []
    with ExitStack() as holder:
        holder.enter_context(lease("cuda:0", leases))
        since = json.loads((leases / "cuda-aaaa.lock").read_text())["since"]

        def say(line: str) -> None:
            lines.append(line)
            holder.close()

        with lease("cuda:0", leases, say=say) as device:
            assert device == "cuda:0"
    who = f"pid {os.getpid()} on {os.uname().nodename} since {since}"
    assert lines == [
        f"waiting for 1 of cuda 0: cuda 0 held by {who} (embed.py 'a shard.h5' --encoder dna)"
    ]


def test_who_waits_long_says_so_again(leases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lease, "_REPORT_SECONDS", 0.0)
    lines: list[str] = []
    with ExitStack() as holder:
        holder.enter_context(lease("cpu", leases, threads=1))
        (leases / "cpu-0.lock").write_text('{"pid": ')  # read while it is being written

        def say(line: str) -> None:
            lines.append(line)
            if len(lines) == 3:
                holder.close()

        with lease("cpu", leases, say=say):
            pass
    assert lines == ["waiting for 2 of cpu 0-1: cpu 0 held by another process"] * 3


def test_the_line_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    _lease._to_stderr("waiting")
    assert capsys.readouterr().err == "virnucpro: waiting\n"


def test_who_waits_goes_on_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    gone = os.fdopen(write, "w")
    monkeypatch.setattr("sys.stderr", gone)
    _lease._to_stderr("waiting")
    with pytest.raises(BrokenPipeError):
        gone.close()


def test_who_does_not_want_to_wait_is_told_who_has_the_device(leases: Path) -> None:
    with (
        lease("cuda:1", leases),
        pytest.raises(VirnucproError, match=f"1 of cuda 1 cannot .* held by pid {os.getpid()} "),
        lease("cuda:1", leases, wait=False),
    ):
        pass


@pytest.mark.parametrize("stopped", [False, True])
def test_a_killed_holder_has_freed_its_device(leases: Path, stopped: bool) -> None:
    mine, theirs = CONTEXT.Pipe()
    process = start(leasing.hold, "cuda:0", leases, theirs)
    pid = received(mine)
    assert isinstance(pid, int)
    if stopped:
        os.kill(pid, signal.SIGSTOP)
    assert not is_free("cuda:0", leases)
    os.kill(pid, signal.SIGKILL)
    process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    assert is_free("cuda:0", leases)


@pytest.mark.parametrize("forked", [False, True], ids=["started", "forked"])
def test_a_child_does_not_keep_the_device_of_its_killed_parent(leases: Path, forked: bool) -> None:
    mine, theirs = CONTEXT.Pipe()
    process = start(leasing.hold_with_child, leases, theirs, forked)
    told = {received(mine)}
    if forked:
        told.add(received(mine))  # the child's word that it runs, and its number
    (child,) = told - {"forked"}
    assert isinstance(child, int)
    try:
        assert not is_free("cuda:0", leases)
        process.kill()
        process.join(PATIENCE)
        os.kill(child, 0)  # it lives on
        assert is_free("cuda:0", leases)
    finally:
        os.kill(child, signal.SIGKILL)


def test_an_error_in_the_block_frees_everything(leases: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("cuda:0", "cpu"):
        with pytest.raises(ZeroDivisionError), lease(name, leases):
            raise ZeroDivisionError
        assert is_free(name, leases)
    with lease("cpu", leases, threads=1):
        assert not is_free("cpu", leases)
        assert is_free("cpu", leases, threads=1)  # a taker that gave up keeps nothing
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_leases_can_be_switched_off(leases: Path) -> None:
    off = {"VIRNUCPRO_LEASES": "off"}
    with lease("cuda:1", leases), lease("cuda:1", leases, environment=off) as device:
        assert device == "cuda:1"
    with lease("cpu", leases), lease("cpu", leases, environment=off) as device:
        assert device == "cpu"
    with (
        pytest.raises(UsageError, match="VIRNUCPRO_LEASES is 'maybe'"),
        lease("cpu", leases, environment={"VIRNUCPRO_LEASES": "maybe"}),
    ):
        pass


def test_the_leased_device_is_the_current_one_while_it_is_leased(
    leases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRNUCPRO_LEASE_DIR", str(leases))
    monkeypatch.setattr(_settings, "lease_device", lambda name, threads: lease(name, leases))
    called: list[str] = []
    monkeypatch.setattr(torch.cuda, "set_device", called.append)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: called.append("empty"))
    settings = EmbedSettings(torch.device("cuda"), Precision.BF16, 0)
    with lease("cuda:0", leases), leased_settings(settings) as mine:
        assert mine.device == torch.device("cuda:1")
        assert called == ["cuda:1"]
    assert called == ["cuda:1", "empty"]
