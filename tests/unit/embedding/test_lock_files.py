"""Lock files: where they are, and what they survive."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from tests.unit.embedding.leasing import is_free, lease
from virnucpro_core.embedding import _lease
from virnucpro_core.embedding._lock_files import LockDirectory
from virnucpro_core.errors import StoreError

pytestmark = pytest.mark.usefixtures("two_cpus")


def test_the_directory_is_this_users_and_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with _lease.lease_device("cpu", environment={}):
        (directory,) = tmp_path.iterdir()
        assert directory.name == f"virnucpro-leases-{os.geteuid()}"
        assert directory.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}
    chosen = tmp_path / "a" / "b"
    with _lease.lease_device("cpu", environment={"VIRNUCPRO_LEASE_DIR": str(chosen)}):
        assert (chosen / "cpu-0.lock").exists()


def test_a_directory_that_others_could_have_prepared_is_refused(
    leases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(match: str) -> None:
        with pytest.raises(StoreError, match=match) as caught, lease("cpu", leases):
            pass
        assert caught.value.exit_code == 3
        assert str(caught.value).startswith(str(leases))
        assert "VIRNUCPRO_LEASE_DIR" in str(caught.value)
        assert "VIRNUCPRO_LEASES=off" in str(caught.value)

    (tmp_path / "elsewhere").mkdir()
    leases.symlink_to(tmp_path / "elsewhere")
    refused("is a link")
    assert not list((tmp_path / "elsewhere").iterdir())
    leases.unlink()
    leases.write_text("a file")
    refused("cannot be made or opened as a directory")
    leases.unlink()
    leases.mkdir()
    leases.chmod(0o777)
    refused("with mode 0777: others could write to it")
    leases.chmod(0o700)
    (leases / "cpu-0.lock").symlink_to(tmp_path / "victim")
    refused(r"cpu-0\.lock: cannot be locked")
    assert not (tmp_path / "victim").exists()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    refused(f"belongs to user {os.getuid()}")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EROFS, errno.ENOSPC])
def test_a_file_system_that_cannot_lock_is_an_error(
    leases: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def failing(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", failing)
    with (
        pytest.raises(StoreError, match=r"cannot be locked .*VIRNUCPRO_LEASES=off"),
        lease("cuda", leases),
    ):
        pass


def test_a_descriptor_that_leaked_does_not_keep_the_device(leases: Path) -> None:
    """As by a library that forks without Python's knowledge."""
    with LockDirectory(leases) as directory, directory.file("x") as lock:
        assert lock.take()
        assert lock._descriptor is not None
        leaked = os.dup(lock._descriptor)
        try:
            assert not directory.file("x").take()
            lock.release()
            with directory.file("x") as other:
                assert other.take()
        finally:
            os.close(leaked)


def test_a_lock_file_that_was_removed_meanwhile_is_not_the_lock(
    leases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock

    def removed_first(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        (leases / "cuda-aaaa.lock").unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    with lease("cuda:0", leases):
        assert not is_free("cuda:0", leases)
