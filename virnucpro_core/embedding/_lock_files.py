"""Lock files that no crash leaves locked, in a directory that only one user can write.

A lock (``flock``) belongs to an open file. The kernel frees it when the process that opened the
file ends, however it ends, so there is nothing to clean up: the files stay and are locked again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import socket
import stat
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

from virnucpro_core.errors import StoreError

__all__ = ["Holder", "LockDirectory", "LockFile"]

_REMEDY = (
    "set VIRNUCPRO_LEASE_DIR to a directory of yours on a local disk of this machine, or "
    "VIRNUCPRO_LEASES=off where nothing else computes on it"
)
_LONGEST_COMMAND = 100


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has locked a file.

    Attributes:
        pid: number of the process.
        host: name of its machine (or container).
        since: when it locked the file, ISO 8601.
        command: what it was started with, perhaps cut.
    """

    pid: int
    host: str
    since: str
    command: str

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host} since {self.since} ({self.command})"

    @classmethod
    def this_process(cls) -> Holder:
        """This process, from now on."""
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        return cls(os.getpid(), socket.gethostname(), now, command[:_LONGEST_COMMAND])


class LockDirectory:
    """A directory of lock files, made if need be. Use it as a context manager.

    Others must not be able to put files, or links to files, into it: the usual place is the folder
    of temporary files, where everybody may create things.

    Raises (on entering):
        StoreError: it cannot be made or opened, or it is a link, another user's, or open to others.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def __enter__(self) -> LockDirectory:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(
                self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            )
        except OSError as error:
            what = "cannot be made or opened as a directory"
            if self.path.is_symlink():
                what = "is a link, which others could turn elsewhere"
            raise _failure(self.path, what, error) from error
        found = os.fstat(self._descriptor)
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            os.close(self._descriptor)
            raise StoreError(
                f"belongs to user {found.st_uid} with mode {stat.S_IMODE(found.st_mode):04o}: "
                "others could write to it",
                where=str(self.path),
                remedy=_REMEDY,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def file(self, name: str) -> LockFile:
        """The lock file ``name``, not locked yet."""
        return LockFile(self, name)

    def open(self, name: str, flags: int) -> int:
        """A descriptor of a file in it, which no program that this process starts inherits.

        Raises:
            OSError: it cannot be opened, or is a link.
        """
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, mode=0o600, dir_fd=self._descriptor)

    def inode(self, name: str) -> int | None:
        """Which file has this name now; None if there is none."""
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_ino
        except FileNotFoundError:
            return None


class LockFile:
    """A file that one holder at a time has locked. A context manager: it ends unlocked."""

    def __init__(self, directory: LockDirectory, name: str) -> None:
        self._directory = directory
        self._name = name
        self._descriptor: int | None = None

    def __enter__(self) -> LockFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def take(self) -> bool:
        """Lock the file, unless somebody has; says whether it is this object's now.

        Raises:
            StoreError: the file system cannot lock, or is full or read-only.
        """
        try:
            while self._descriptor is None:
                descriptor = self._directory.open(self._name, os.O_RDWR | os.O_CREAT)
                self._descriptor = descriptor
                _open_locks.add(self)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # A cleaner of temporary files may have removed it before it was locked: the others
                # would then lock the next file of that name.
                if self._directory.inode(self._name) != os.fstat(descriptor).st_ino:
                    self.release()
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(asdict(Holder.this_process())).encode(), 0)
        except BlockingIOError:
            self._close()
            return False
        except OSError as error:
            self._close()
            raise _failure(self._directory.path / self._name, "cannot be locked", error) from error
        return True

    def release(self) -> None:
        """Unlock the file, if this object has locked it."""
        if self._descriptor is not None:
            # Closing alone would leave it locked where a process has inherited the descriptor.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self._close()

    def holder(self) -> Holder | None:
        """Who locked the file last; None where that is just being written."""
        try:
            descriptor = self._directory.open(self._name, os.O_RDONLY)
            with os.fdopen(descriptor, encoding="utf-8") as file:
                return Holder(**json.load(file))
        except (FileNotFoundError, TypeError, ValueError):
            return None
        except OSError as error:
            raise _failure(self._directory.path / self._name, "cannot be read", error) from error

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _open_locks.discard(self)

    @staticmethod
    def _close_inherited() -> None:
        # Closed and not unlocked: the lock is the parent's, who has the same open file.
        for lock in list(_open_locks):
            lock._close()


_open_locks: set[LockFile] = set()

# A forked child has its parent's open files. It must not keep them locked when the parent dies.
os.register_at_fork(after_in_child=LockFile._close_inherited)


def _failure(path: Path, what: str, error: OSError) -> StoreError:
    return StoreError(f"{what} ({error.strerror})", where=str(path), remedy=_REMEDY)
