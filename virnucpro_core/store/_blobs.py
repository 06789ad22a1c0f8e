"""What a checkpoint store is: named blobs, each whole or absent."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["BlobInfo", "BlobStore", "check_name", "check_prefix"]


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A blob without its bytes.

    Attributes:
        name: what it was put under.
        size: in bytes.
        modified: when it was put, in seconds since the epoch, by the clock of the storage.
    """

    name: str
    size: int
    modified: float


class BlobStore(Protocol):
    """Named blobs that appear whole or not at all; nothing is ever changed in place.

    Names are relative and '/'-separated, for example ``"3f0c/budget-960/000000-000040-ab12.h5"``;
    no component begins with a dot, which is how temporary files are told from blobs. Several
    processes, on several machines, may use one store at the same time.

    Every failure is a `StoreError`.
    """

    @property
    def location(self) -> str:
        """The directory, or the s3:// prefix: for messages."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Store a blob; when this returns it outlives a crash of this machine.

        A blob that has this name already is replaced in one step: a reader gets the old bytes or
        the new ones.
        """
        ...

    def get(self, name: str) -> bytes | None:
        """The bytes of a blob; None where there is no such blob."""
        ...

    def get_range(self, name: str, start: int, n_bytes: int) -> bytes | None:
        """``n_bytes`` of a blob from byte ``start``; None where there is no such blob.

        Both lie within the blob. This is for blobs that are too large for the memory.
        """
        ...

    def list(self, prefix: str = "") -> builtins.list[BlobInfo]:
        """Every blob whose name begins with ``prefix``, sorted by name."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Remove blobs; one that is missing is no error."""
        ...


def check_name(name: str) -> str:
    """``name``, if a blob can have it.

    Raises:
        ValueError: a component is empty or begins with a dot.
    """
    if any(part.startswith(".") or not part for part in name.split("/")):
        raise ValueError(f"not the name of a blob: {name!r}")
    return name


def check_prefix(prefix: str) -> str:
    """``prefix``, if names of blobs can begin with it.

    Raises:
        ValueError: a component is empty or begins with a dot.
    """
    check_name(f"{prefix}x")
    return prefix
