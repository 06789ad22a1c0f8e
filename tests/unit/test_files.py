"""Plain files are whole or absent."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from virnucpro_core import _files
from virnucpro_core._files import (
    AtomicFile,
    is_temporary,
    make_directory,
    sha256_of_file,
    temporary_beside,
)
from virnucpro_core.errors import StoreError


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with AtomicFile(path) as file:
        assert file.write(b"abc") == 3
        assert not path.exists()
    assert path.read_bytes() == b"abc"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")

    def fail() -> None:
        with AtomicFile(path) as file:
            file.write(b"new")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_are_on_the_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.txt"
    events: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        events.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        events.append(f"rename to {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    with AtomicFile(path) as file:
        file.write(b"abc")
    assert is_temporary(Path(events[0].removeprefix("fsync ")))
    assert events[1:] == ["rename to file.txt", f"fsync {tmp_path.name}"]


def test_two_writers_of_a_file_have_temporary_files_of_their_own() -> None:
    # The process id does not tell writers on two hosts apart.
    path = Path("folder/file.txt")
    temporaries = {temporary_beside(path) for _ in range(100)}
    assert len(temporaries) == 100
    assert all(is_temporary(temporary) for temporary in temporaries)
    assert {temporary.parent for temporary in temporaries} == {path.parent}
    assert not is_temporary(path)
    assert not is_temporary(Path("folder/.hidden"))
    assert not is_temporary(Path("folder/file.tmp"))


def test_a_directory_is_made_with_those_above_it(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        make_directory(tmp_path / "file")


def test_a_full_disk_is_one_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.txt"
    temporary = tmp_path / "temporary"
    temporary.symlink_to("/dev/full")
    monkeypatch.setattr(_files, "temporary_beside", lambda _: temporary)

    def fill() -> None:
        with AtomicFile(path) as file:
            file.write(b"x" * 10)
            file.flush()

    with pytest.raises(StoreError, match=r"file\.txt: cannot be written .*No space left"):
        fill()
    assert not path.exists()


def test_digest_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = os.urandom((1 << 20) + 17)
    path.write_bytes(content)
    assert sha256_of_file(path) == hashlib.sha256(content).hexdigest()
