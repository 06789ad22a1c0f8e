"""Checkpoints that cannot be kept, and ``virnucpro doctor checkpoints``."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bundles import WINDOW_SIZE, make_bundle
from virnucpro_core.cli import main
from virnucpro_core.cli._checkpoint_dir import resolve_checkpoint_dir
from virnucpro_core.store import _hdf5, list_checkpoints, open_store

READS = Path(__file__).parents[1] / "data" / "reads.fasta"
OLD = 1_000_000_000.0


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a shard, and its embeddings."""
    folder = tmp_path_factory.mktemp("checkpoints")
    make_bundle(folder / "model")
    words = ("--sample", "s", "--window-size", WINDOW_SIZE, "--outdir", folder)
    assert run("prepare", READS, *words) == 0
    assert embed(folder, folder / "e.h5") == 0
    return folder


def embed(folder: Path, output: Path, *more: object) -> int:
    shard = folder / "shards" / "s.shard_00001.h5"
    words = ("--encoder", "dna", "--model", folder / "model", "--output", output)
    return run("embed", shard, *words, "--precision", "fp32", "--token-budget", 100, *more)


def parts(store: Path) -> list[Path]:
    return sorted(store.rglob("*.h5"))


def test_a_key_of_the_checkpoint_is_written_for_whoever_removes_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "my parts"
    key, stages = tmp_path / "new" / "key", tmp_path / "other" / "stages.tsv"
    words = ("--checkpoint-dir", store, "--checkpoint-key", key, "--part-seconds", 0)
    assert embed(folder, tmp_path / "e.h5", *words, "--stages", stages) == 0
    assert stages.exists()
    assert len(parts(store)) > 1
    assert (tmp_path / "e.h5").read_bytes() == (folder / "e.h5").read_bytes()
    (summary,) = list_checkpoints(open_store(store))
    # Nothing was in it at the start; another attempt finds what this one has kept.
    assert key.read_text() == f"{summary.key} 0\n"
    assert embed(folder, tmp_path / "e.h5", *words) == 0
    assert key.read_text() == f"{summary.key} {sum(p.stat().st_size for p in parts(store))}\n"
    assert summary.work is not None
    assert (summary.work.label, summary.work.molecule) == ("s 1", "dna")
    capsys.readouterr()
    words = ("--checkpoint-dir", store, "--remove-named-in", key)
    assert run("doctor", "checkpoints", *words) == 0
    assert "1 checkpoints removed" in capsys.readouterr().out
    assert parts(store) == []
    assert run("doctor", "checkpoints", *words) == 0
    assert "0 checkpoints removed" in capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_result_is_written_harms_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    write, is_sent = _hdf5._ErrorKeepingFile.write, False

    def disturbed(self: _hdf5._ErrorKeepingFile, data: bytes) -> int:
        nonlocal is_sent
        if not is_sent:
            is_sent = True
            os.kill(os.getpid(), number)
        return write(self, data)

    monkeypatch.setattr(_hdf5._ErrorKeepingFile, "write", disturbed)
    assert embed(folder, tmp_path / "e.h5") == 0
    assert is_sent
    assert (tmp_path / "e.h5").read_bytes() == (folder / "e.h5").read_bytes()


def test_a_bad_part_is_named_and_used_by_nobody(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--checkpoint-dir", tmp_path / "parts", "--part-seconds", 0)
    assert embed(folder, tmp_path / "e.h5", *words) == 0
    bad = parts(tmp_path / "parts")[0]
    bad.write_bytes(b"")
    capsys.readouterr()
    assert run("doctor", "checkpoints", "--checkpoint-dir", tmp_path / "parts", "--verify") == 3
    shown = capsys.readouterr()
    assert f"{bad.name}: its 0 bytes are not those that were written" in shown.out
    assert "1 files cannot be used" in shown.err
    assert embed(folder, tmp_path / "e.h5", *words) == 0
    shown = capsys.readouterr()
    assert f"{bad.name}: its 0 bytes are not those" in shown.err
    assert "were embedded again" in shown.err
    assert (tmp_path / "e.h5").read_bytes() == (folder / "e.h5").read_bytes()
    assert run("doctor", "checkpoints", "--checkpoint-dir", tmp_path / "parts", "--verify") == 0
    assert "every part is what was written" in capsys.readouterr().out


def test_old_checkpoints_can_be_removed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "parts"
    for budget in (100, 200):
        words = ("--checkpoint-dir", store, "--part-seconds", 0, "--token-budget", budget)
        assert embed(folder, tmp_path / "e.h5", *words) == 0
    words = ("--checkpoint-dir", store, "--attention", "sdpa")
    assert embed(folder, tmp_path / "e.h5", *words) == 0
    first, second = list_checkpoints(open_store(store))
    for path in (store / second.key).rglob("*"):
        os.utime(path, (OLD, OLD))
    words = ("--checkpoint-dir", store, "--remove-older-than", 7)
    assert run("doctor", "checkpoints", *words) == 0
    assert [summary.key for summary in list_checkpoints(open_store(store))] == [first.key]
    capsys.readouterr()


def test_a_token_budget_that_is_taken_over_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--checkpoint-dir", tmp_path / "parts", "--part-seconds", 0)
    assert embed(folder, tmp_path / "e.h5", *words) == 0
    capsys.readouterr()
    assert embed(folder, tmp_path / "e.h5", *words, "--token-budget", 0) == 0
    assert "went on with the token budget 100 of an earlier attempt" in capsys.readouterr().err


def test_where_there_are_no_checkpoints_nothing_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("doctor", "checkpoints", "--checkpoint-dir", tmp_path / "none") == 0
    shown = capsys.readouterr()
    assert "0 checkpoints" in shown.out
    assert f"{tmp_path / 'none'} does not exist" in shown.err
    assert run("doctor", "checkpoints", "--checkpoint-dir", tmp_path, "--remove", "abc") == 2
    assert f"{tmp_path}: has no checkpoint abc;" in capsys.readouterr().err
    assert run("doctor", "checkpoints") == 2
    assert "no checkpoint directory is named" in capsys.readouterr().err
    words = ("--checkpoint-dir", tmp_path, "--remove-named-in", tmp_path / "none")
    assert run("doctor", "checkpoints", *words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def one_line(capsys: pytest.CaptureFixture[str], expected: str) -> None:
    errors = capsys.readouterr().err
    assert errors.startswith("virnucpro: error: ")
    assert errors.count("\n") == 1
    assert expected in errors


def test_a_full_disk_ends_with_what_was_committed_intact(
    folder: Path,
    tmp_path: Path,
    mount: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    disk = mount("size=64k")
    words = ("--checkpoint-dir", disk / "parts", "--part-seconds", 0, "--token-budget", 1)
    assert embed(folder, tmp_path / "e.h5", *words) == 3
    one_line(capsys, "the disk is full")
    n_parts = len(parts(disk))
    assert n_parts > 0
    mount("size=10m")
    assert embed(folder, tmp_path / "e.h5", *words) == 0
    shown = capsys.readouterr()
    assert "by an earlier attempt" in shown.out
    assert "warning" not in shown.err


def test_a_disk_without_room_for_the_result(
    folder: Path,
    tmp_path: Path,
    mount: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    disk = mount("size=8k")
    assert embed(folder, disk / "e.h5", "--checkpoint-dir", tmp_path / "parts") == 3
    one_line(capsys, "cannot be written")
    assert list(disk.iterdir()) == []
    assert len(parts(tmp_path / "parts")) == 1
    assert embed(folder, tmp_path / "e.h5", "--checkpoint-dir", tmp_path / "parts") == 0
    assert (tmp_path / "e.h5").read_bytes() == (folder / "e.h5").read_bytes()


def test_a_disk_that_may_only_be_read(
    folder: Path,
    tmp_path: Path,
    mount: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    mount("size=1m")
    disk = mount("ro")
    assert embed(folder, tmp_path / "e.h5", "--checkpoint-dir", disk / "parts") == 3
    one_line(capsys, "read-only")


@pytest.mark.parametrize(
    ("given", "task", "expected"),
    [
        ("", "/w/ab/cdef01", ""),
        ("/elsewhere", "/w/ab/cdef01", "/elsewhere"),
        ("s3://b/p", "/w/ab/cdef01", "s3://b/p"),
        ("auto", "/the work/ab/cdef01", "/the work/checkpoints"),
        ("auto", "/tmp/nxf.aX3dq", ""),
        ("auto", "", ""),
    ],
)
def test_the_place_of_checkpoints(given: str, task: str, expected: str) -> None:
    assert resolve_checkpoint_dir(given, {"NXF_TASK_WORKDIR": task}) == expected
