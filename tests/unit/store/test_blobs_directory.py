"""Checkpoints on a disk that fails."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from virnucpro_core.errors import StoreError
from virnucpro_core.store import BlobStore, open_store, remove_stale_temporaries
from virnucpro_core.store import _directory_store as directory_store

CountFaults = Callable[[int, str], None]

# Is killed when the bytes are written and the blob has no name yet.
KILLED_WRITER = """
import os, signal, sys
from virnucpro_core.store import open_store

os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
open_store(sys.argv[1]).put("key/part", b"new" * 100_000)
"""


@pytest.fixture
def as_another_user() -> Iterator[None]:
    """Permissions mean nothing to root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def names(store: BlobStore) -> list[str]:
    return [blob.name for blob in store.list()]


def all_paths(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_bytes_are_on_the_disk_before_the_name_is_and_new_folders_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        events.append(f"fsync {'temporary' if name.endswith('.tmp') else name}")
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        events.append(f"rename to {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    store = open_store(tmp_path / "store")
    store.put("key/part", b"x")
    written = ["fsync temporary", "rename to part", "fsync key"]
    assert events == [f"fsync {tmp_path.name}", "fsync store", *written]
    events.clear()
    store.put("key/part", b"x")
    assert events == written


def test_a_writer_that_is_killed_leaves_the_old_blob_and_a_temporary_file_that_can_be_removed(
    tmp_path: Path, count_faults: CountFaults
) -> None:
    store = open_store(tmp_path)
    store.put("key/part", b"old")
    command = [sys.executable, "-c", KILLED_WRITER, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert names(store) == ["key/part"]
    assert store.get("key/part") == b"old"
    (left,) = {*all_paths(tmp_path)} - {"key", "key/part"}

    assert remove_stale_temporaries(store) == 0
    os.utime(tmp_path / left, (0, 0))
    os.utime(tmp_path / "key/part", (0, 0))
    assert remove_stale_temporaries(store) == 1
    assert all_paths(tmp_path) == ["key", "key/part"]
    count_faults(1, "writer killed, old blob whole")


def test_a_folder_that_held_only_stale_files_goes_with_them(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    command = [sys.executable, "-c", KILLED_WRITER, str(tmp_path)]
    subprocess.run(command, check=False)
    store = open_store(tmp_path)
    assert names(store) == []
    assert remove_stale_temporaries(store, older_than=-60) == 1
    assert all_paths(tmp_path) == []


def test_a_writer_that_is_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    store = open_store(tmp_path)
    (tmp_path / "key").mkdir()
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.put("key/part", b"x")
    assert all_paths(tmp_path) == ["key"]


def test_deleting_removes_folders_that_are_empty_then_but_not_the_store(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store = open_store(root)
    store.put("a/b/c/1", b"x")
    store.put("a/d/2", b"x")
    store.delete(["a/b/c/1"])
    assert all_paths(root) == ["a", "a/d", "a/d/2"]
    store.delete(["a/d/2"])
    assert all_paths(root) == []
    assert root.is_dir()


def test_a_folder_that_another_process_removes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count_faults: CountFaults
) -> None:
    store = open_store(tmp_path)
    name_it = directory_store.temporary_beside
    removals = 0

    def remove_folder_first(path: Path) -> Path:
        nonlocal removals
        if removals < 3:
            removals += 1
            open_store(tmp_path).delete([path.relative_to(tmp_path).as_posix()])
            assert not path.parent.exists()
        return name_it(path)

    monkeypatch.setattr(directory_store, "temporary_beside", remove_folder_first)
    store.put("a/b/part", b"x")
    assert store.get("a/b/part") == b"x"
    count_faults(removals, "survived")


def test_a_full_disk_is_one_error_and_what_was_put_stays(
    mount: Callable[[str], Path], count_faults: CountFaults
) -> None:
    disk = mount("size=256k")
    store = open_store(disk)
    store.put("key/1", b"1" * 50_000)
    with pytest.raises(StoreError, match=r"disk/key/2: cannot be written: the disk is full; free"):
        store.put("key/2", b"2" * 400_000)
    with pytest.raises(StoreError, match="the disk is full"):
        store.put("key/1", b"3" * 400_000)
    assert store.get("key/1") == b"1" * 50_000
    assert all_paths(disk) == ["key", "key/1"]
    store.put("key/2", b"2" * 50_000)
    assert names(store) == ["key/1", "key/2"]
    count_faults(2, "reported, earlier blobs whole")


def test_a_file_system_that_becomes_read_only_can_still_be_read(
    mount: Callable[[str], Path], count_faults: CountFaults
) -> None:
    store = open_store(mount("size=1m"))
    store.put("key/1", b"1")
    mount("ro")
    with pytest.raises(StoreError, match=r"key/2: cannot be written: the file system is read-only"):
        store.put("key/2", b"2")
    with pytest.raises(StoreError, match=r"key/1: cannot be removed: the file system is read-only"):
        store.delete(["key/1"])
    assert store.get("key/1") == b"1"
    assert names(store) == ["key/1"]
    count_faults(2, "reported, earlier blobs whole")


def test_a_directory_without_permission_is_one_error(
    tmp_path: Path, as_another_user: None, count_faults: CountFaults
) -> None:
    del as_another_user
    folder = tmp_path if os.getuid() == 0 else tmp_path / "closed"
    if os.getuid():
        folder.mkdir(mode=0)
    with pytest.raises(StoreError, match=r": permission denied; let this user read and write"):
        open_store(folder / "store")
    count_faults(1, "reported")


@pytest.mark.parametrize("remaining", [True, False], ids=["root-gone", "parent-gone"])
def test_a_store_that_vanishes_is_not_taken_for_an_empty_one(
    tmp_path: Path, remaining: bool, count_faults: CountFaults
) -> None:
    root = tmp_path / "disk" / "store"
    store = open_store(root)
    store.put("key/1", b"1")
    shutil.rmtree(root if remaining else root.parent)
    vanished = r"store: the directory has vanished while it was in use; check whether it was"
    with pytest.raises(StoreError, match=vanished):
        store.put("key/2", b"2")
    with pytest.raises(StoreError, match=vanished):
        store.get("key/1")
    with pytest.raises(StoreError, match=vanished):
        store.list()
    assert not root.exists()
    count_faults(3, "reported")


def test_a_file_where_the_store_or_a_folder_must_be_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(StoreError, match="file: is a file, not a directory; choose another"):
        open_store(file)
    with pytest.raises(StoreError, match="below: cannot be used: a file is where a directory must"):
        open_store(file / "below")
    with pytest.raises(StoreError, match="part: cannot be written: a file is where a directory"):
        open_store(tmp_path).put("file/part", b"x")


def test_what_other_programs_keep_in_a_directory_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".snapshot").mkdir()
    (tmp_path / ".snapshot" / "old").write_bytes(b"")
    (tmp_path / ".nfs0001").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path)
    assert open_store(tmp_path).list() == []
