"""Blobs as files of a directory, which may be on a file system that many machines share."""

from __future__ import annotations

import builtins
import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from virnucpro_core._files import commit, is_temporary, make_directory, temporary_beside
from virnucpro_core.errors import StoreError
from virnucpro_core.store._blobs import BlobInfo, check_name, check_prefix

__all__ = ["DirectoryStore"]

_PUT_ATTEMPTS = 10

_FULL = "free space there, or choose another checkpoint directory"
_CLOSED = "let this user read and write there, or choose another checkpoint directory"
_IN_THE_WAY = "remove that file, or choose another checkpoint directory"
_BROKEN = "check that file system, or choose another checkpoint directory"
_REASONS = {
    errno.ENOSPC: ("the disk is full", _FULL),
    errno.EDQUOT: ("the disk quota is used up", _FULL),
    errno.EROFS: ("the file system is read-only", _CLOSED),
    errno.EACCES: ("permission denied", _CLOSED),
    errno.EPERM: ("permission denied", _CLOSED),
    errno.EEXIST: ("a file is where a directory must be", _IN_THE_WAY),
    errno.ENOTDIR: ("a file is where a directory must be", _IN_THE_WAY),
}


class DirectoryStore:
    """A `BlobStore` in a directory, which is made when the first blob is put.

    A blob is written under a temporary name, flushed to the disk, renamed, and its directory is
    flushed. Once the directory has been seen, its absence is an error and not an empty store: a
    file system that was unmounted must not be taken for one where nothing is done yet.

    Args:
        root: the directory.

    Raises:
        StoreError: ``root`` is a file, or cannot be looked at.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = False
        self._root_exists()

    @property
    def location(self) -> str:
        return str(self._root)

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        for attempts_left in reversed(range(_PUT_ATTEMPTS)):
            try:
                # Making the directory again would write below the mount point of a lost disk.
                self._root_exists()
                make_directory(path.parent)
                _write(path, data)
            except FileNotFoundError as error:
                # Another process has removed the folder, empty as it was, after we made it.
                if not attempts_left:
                    raise _failure("cannot be written", path, error) from error
            except OSError as error:
                raise _failure("cannot be written", path, error) from error
            else:
                self._seen = True
                return

    def get(self, name: str) -> bytes | None:
        return self._read(name, 0, -1)

    def get_range(self, name: str, start: int, n_bytes: int) -> bytes | None:
        return self._read(name, start, n_bytes)

    def _read(self, name: str, start: int, n_bytes: int) -> bytes | None:
        path = self._path(name)
        try:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(n_bytes)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self._root_exists()
            return None
        except OSError as error:
            raise _failure("cannot be read", path, error) from error

    def list(self, prefix: str = "") -> builtins.list[BlobInfo]:
        blobs = [
            BlobInfo(name, status.st_size, status.st_mtime)
            for name, status in self._files(check_prefix(prefix))
            if not _is_hidden(name)
        ]
        return sorted(blobs, key=lambda blob: blob.name)

    def delete(self, names: Iterable[str]) -> None:
        self._remove([self._path(name) for name in names])

    def remove_stale_temporaries(self, *, older_than: float) -> int:
        """Remove what writers that were killed have left, and return how many files that were.

        Args:
            older_than: seconds since the last write to such a file; longer than any put takes.

        Raises:
            StoreError: the directory cannot be read or written.
        """
        last_write = time.time() - older_than
        stale = [
            path
            for name, status in self._files("")
            if is_temporary(path := self._root / name) and status.st_mtime < last_write
        ]
        self._remove(stale)
        return len(stale)

    def _path(self, name: str) -> Path:
        return self._root / check_name(name)

    def _root_exists(self) -> bool:
        """Whether the directory is there.

        Raises:
            StoreError: it was there before, or it is a file, or it cannot be looked at.
        """
        try:
            is_directory = stat.S_ISDIR(self._root.stat().st_mode)
        except FileNotFoundError as error:
            if self._seen:
                raise StoreError(
                    "the directory has vanished while it was in use",
                    where=self.location,
                    remedy="check whether it was removed or unmounted, and start again",
                ) from error
            return False
        except OSError as error:
            raise _failure("cannot be used", self._root, error) from error
        if not is_directory:
            raise StoreError(
                "is a file, not a directory",
                where=self.location,
                remedy="choose another checkpoint directory",
            )
        self._seen = True
        return True

    def _files(self, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        """Names and status of the files, temporary ones too, whose names begin with ``prefix``."""
        if self._root_exists():
            folder = prefix.rpartition("/")[0]
            try:
                yield from self._files_in(self._root / folder, prefix)
            except OSError as error:
                raise _failure("cannot be listed", self._root, error) from error

    def _files_in(self, folder: Path, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        for path in _entries(folder):
            name = path.relative_to(self._root).as_posix()
            if not name.startswith(prefix):
                continue
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # another process has removed or renamed it
            if stat.S_ISDIR(status.st_mode):
                yield from self._files_in(path, prefix)
            elif stat.S_ISREG(status.st_mode):
                yield name, status

    def _remove(self, paths: Iterable[Path]) -> None:
        # Directories are not flushed: after a crash a removed file may be back, as it was.
        folders = set()
        for path in paths:
            folders.add(path.parent)
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                continue
            except OSError as error:
                raise _failure("cannot be removed", path, error) from error
        for folder in folders:
            self._remove_empty(folder)

    def _remove_empty(self, folder: Path) -> None:
        """Remove a folder and those above it, up to the first one that holds something."""
        while folder != self._root:
            try:
                folder.rmdir()
            except (FileNotFoundError, NotADirectoryError):
                pass  # another process was quicker
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
                    return
                raise _failure("cannot be removed", folder, error) from error
            folder = folder.parent


def _write(path: Path, data: bytes) -> None:
    temporary = temporary_beside(path)
    try:
        temporary.write_bytes(data)
        commit(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _entries(folder: Path) -> builtins.list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []  # another process has removed it


def _is_hidden(name: str) -> bool:
    # Temporaries of ours, and what network file systems keep for themselves (.nfs…, .snapshot).
    return any(part.startswith(".") for part in name.split("/"))


def _failure(what: str, path: Path, error: OSError) -> StoreError:
    reason, remedy = _REASONS.get(error.errno or 0, (error.strerror or str(error), _BROKEN))
    return StoreError(f"{what}: {reason}", where=str(path), remedy=remedy)
