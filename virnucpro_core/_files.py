"""Plain files: writing them whole or not at all, and their digests. Standard library only."""

from __future__ import annotations

import gzip
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from virnucpro_core.errors import StoreError

__all__ = [
    "AtomicFile",
    "commit",
    "create_gzip",
    "is_temporary",
    "make_directory",
    "readable_name",
    "sha256_of_file",
    "temporary_beside",
    "write_failure",
]

_READ_BYTES = 1 << 20


def sha256_of_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def readable_name(path: Path) -> str:
    """A file's name as text that any file can hold; bytes that are no UTF-8 as ``\\xff``."""
    return os.fsencode(path.name).decode("utf-8", "backslashreplace")


def temporary_beside(path: Path) -> Path:
    """A name in the same folder for a file that is being written, this call's own.

    It is random, because writers on two hosts of a shared file system can have the same process id.
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def is_temporary(path: Path) -> bool:
    """Whether `temporary_beside` makes such names."""
    return path.name.startswith(".") and path.suffix == ".tmp"


def make_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing, so that they outlive a crash.

    Raises:
        OSError: it cannot be made, or something else has its name.
    """
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(exist_ok=True)
        _flush(path.parent)


def commit(temporary: Path, path: Path) -> None:
    """Give a closed file its final name, so that a crash leaves the old file or the new one whole.

    Raises:
        OSError: the file cannot be flushed or renamed.
    """
    _flush(temporary)
    temporary.replace(path)
    _flush(path.parent)


def write_failure(path: Path, error: OSError) -> StoreError:
    """What to raise when ``path`` cannot be written."""
    return StoreError(
        f"cannot be written ({error})", where=str(path), remedy="check free space and permissions"
    )


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class AtomicFile:
    """A binary file that is named ``path`` only once it is whole.

    Use it as a context manager. Bytes go to a temporary name beside ``path``; when the block ends
    well they are flushed to the disk and renamed, and the directory is flushed. When the block
    raises, the temporary file is removed and ``path`` stays as it was.

    Raises (on entering, writing and leaving):
        StoreError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = temporary_beside(path)
        self._file: BinaryIO | None = None

    def __enter__(self) -> AtomicFile:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._temporary.open("wb")
        except OSError as error:
            raise write_failure(self._path, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        file = self._opened()
        try:
            if kind is None:
                file.close()
                commit(self._temporary, self._path)
        except OSError as failure:
            raise write_failure(self._path, failure) from failure
        finally:
            self._discard(file)

    def write(self, data: bytes | memoryview) -> int:
        """Append ``data``; returns its length in bytes."""
        try:
            return self._opened().write(data)
        except OSError as error:
            raise write_failure(self._path, error) from error

    def flush(self) -> None:
        """Hand buffered bytes to the system (what a compressor around this file calls)."""
        try:
            self._opened().flush()
        except OSError as error:
            raise write_failure(self._path, error) from error

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise RuntimeError("AtomicFile is a context manager: enter it before writing")
        return self._file

    def _discard(self, file: BinaryIO) -> None:
        try:
            file.close()
        except OSError as error:
            # A full disk makes closing fail too, where buffered bytes are still to be written.
            raise write_failure(self._path, error) from error
        finally:
            self._temporary.unlink(missing_ok=True)


@contextmanager
def create_gzip(path: Path) -> Iterator[BinaryIO]:
    """Write a gzip file, whole or not at all; equal content gives equal bytes.

    Raises:
        StoreError: the file cannot be written.
    """
    # The file's name and the time would be part of the bytes.
    with (
        AtomicFile(path) as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as stream,
    ):
        yield cast("BinaryIO", stream)
