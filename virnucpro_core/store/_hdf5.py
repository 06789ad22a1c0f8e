"""Opening and writing HDF5 files: checked on the way in, whole or absent on the way out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import h5py

from virnucpro_core._files import commit, temporary_beside, write_failure
from virnucpro_core._frame_rule import FrameRule, parse_frame_rule
from virnucpro_core.errors import StoreError, UsageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["attribute", "create_hdf5", "frame_rule_of", "open_hdf5", "start_hdf5"]


@contextmanager
def create_hdf5(path: Path, *, kind: str, schema_version: int) -> Iterator[h5py.File]:
    """Write an HDF5 file that is named ``path`` only once it is whole.

    The file is written under a temporary name beside ``path``, flushed to the disk, renamed, and
    its directory is flushed: a reader sees the old file, the new one, or none, never half of one.

    Args:
        kind: what the file holds, for example ``"virnucpro-shard"``; checked by `open_hdf5`.
        schema_version: version of that layout.

    Raises:
        StoreError: the file cannot be written.
    """
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_failure(path, error) from error
    try:
        with _ErrorKeepingFile(temporary, "w+") as raw:
            with h5py.File(raw, "w", libver="v110") as file:
                start_hdf5(file, kind=kind, schema_version=schema_version)
                yield file
            if raw.error is not None:
                raise raw.error
        commit(temporary, path)
    except OSError as error:
        raise write_failure(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


class _ErrorKeepingFile(io.FileIO):
    """A file whose first failed write is kept instead of raised; what comes after it is dropped.

    HDF5 writes much of a file while it frees objects, where an error could not be raised but would
    be printed, and a file that lacks its end would be taken for whole.

    Attributes:
        error: what went wrong, if anything.
    """

    error: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        view = memoryview(data).cast("B")
        written = 0
        while self.error is None and written < len(view):
            try:
                written += super().write(view[written:])
            except OSError as error:
                self.error = error
        return len(view)


def start_hdf5(file: h5py.File, *, kind: str, schema_version: int) -> None:
    """Mark a new file as what it is, for `open_hdf5`."""
    file.attrs["kind"] = kind
    file.attrs["schema_version"] = schema_version


@contextmanager
def open_hdf5(
    source: Path | BinaryIO, *, kind: str, schema_version: int, where: str | None = None
) -> Iterator[h5py.File]:
    """Open a file that `create_hdf5` or `start_hdf5` began.

    Args:
        source: the file, or its bytes.
        kind: what it has to hold.
        schema_version: version of the layout that it has to have.
        where: what messages call it; None for its path.

    Raises:
        StoreError: the file is missing, damaged, of another kind or of another schema version.
    """
    where = str(source) if where is None else where
    try:
        file = h5py.File(source, "r")
    except FileNotFoundError:
        raise StoreError("does not exist", where=where, remedy="check the path") from None
    except OSError as error:
        raise StoreError(
            f"is not a readable HDF5 file ({error})", where=where, remedy="make it again"
        ) from error
    with file:
        found = file.attrs.get("kind")
        if found != kind:
            raise StoreError(
                f"holds {found or 'something else'}, not a {kind}",
                where=where,
                remedy=f"name a file that holds a {kind}",
            )
        version = attribute(file, "schema_version", where=where)
        if version != str(schema_version):
            raise StoreError(
                f"has schema version {version}, this program reads {schema_version}",
                where=where,
                remedy="make it again with this version",
            )
        try:
            yield file
        except (KeyError, OSError) as error:
            raise StoreError(
                f"is damaged ({error})", where=where, remedy="make it again"
            ) from error


def attribute(file: h5py.File, name: str, *, where: str | None = None) -> str:
    """The attribute ``name`` as text.

    Raises:
        StoreError: there is none.
    """
    if name not in file.attrs:
        where = file.filename if where is None else where
        raise StoreError(f"has no attribute {name}", where=where, remedy="make it again")
    return str(file.attrs[name])


def frame_rule_of(file: h5py.File, name: str = "frame_rule") -> FrameRule:
    """The rule in the attribute ``name``; without that it is ``complete``, once the only one.

    Raises:
        StoreError: there is no such rule.
    """
    try:
        return parse_frame_rule(str(file.attrs.get(name, "complete")))
    except UsageError as error:
        raise StoreError(
            error.what, where=file.filename, remedy="make it again with this version"
        ) from error
