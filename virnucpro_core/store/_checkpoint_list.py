"""What is in a checkpoint store: to list, to verify and to remove."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from virnucpro_core.store._blobs import BlobStore
from virnucpro_core.store._checkpoint import (
    MANIFEST,
    BadPart,
    EmbeddingWork,
    decode_part,
    parse_part_name,
)

__all__ = ["CheckpointSummary", "list_checkpoints", "remove_checkpoints", "verify_checkpoint"]


@dataclass(frozen=True, slots=True)
class CheckpointSummary:
    """One checkpoint of a store.

    Attributes:
        key: its name.
        work: what it is of; None where its manifest is missing, altered or of a newer version.
        n_parts: files of parts, unverified.
        n_bytes: of all its files.
        modified: when it was last written to, in seconds since the epoch.
    """

    key: str
    work: EmbeddingWork | None
    n_parts: int
    n_bytes: int
    modified: float


def list_checkpoints(store: BlobStore) -> list[CheckpointSummary]:
    """Every checkpoint, the one that was written to last first.

    Raises:
        StoreError: the store cannot be read.
    """
    n_parts: dict[str, int] = {}
    n_bytes: dict[str, int] = {}
    modified: dict[str, float] = {}
    for blob in store.list():
        key, slash, _ = blob.name.partition("/")
        if not slash or not _is_key(key):
            continue  # not ours: the directory may hold other things
        n_parts[key] = n_parts.get(key, 0) + (parse_part_name(blob.name) is not None)
        n_bytes[key] = n_bytes.get(key, 0) + blob.size
        modified[key] = max(modified.get(key, 0.0), blob.modified)
    summaries = [
        CheckpointSummary(key, _read_work(store, key), n_parts[key], n_bytes[key], modified[key])
        for key in n_parts
    ]
    return sorted(summaries, key=lambda summary: (-summary.modified, summary.key))


def verify_checkpoint(store: BlobStore, summary: CheckpointSummary) -> Iterator[BadPart]:
    """Read every file of a checkpoint; gives those that cannot be used.

    Raises:
        StoreError: the store cannot be read.
    """
    if summary.work is None:
        yield BadPart(f"{summary.key}/{MANIFEST}", "it is missing, altered or of a newer version")
    for blob in store.list(f"{summary.key}/"):
        name = parse_part_name(blob.name)
        if name is None:
            if blob.name != f"{summary.key}/{MANIFEST}":
                yield BadPart(blob.name, "it is not the file of a part")
            continue
        data = store.get(blob.name)
        if data is None:
            continue  # removed since
        part = decode_part(data, name, summary.work)
        if isinstance(part, BadPart):
            yield part


def remove_checkpoints(store: BlobStore, keys: Iterable[str]) -> int:
    """Remove checkpoints with all their files; returns how many files there were.

    Raises:
        StoreError: the store cannot be written.
    """
    n_files = 0
    for key in keys:
        if not _is_key(key):
            continue
        names = [blob.name for blob in store.list(f"{key}/")]
        # The manifest goes last: what is left of an interrupted removal can still be named.
        store.delete(sorted(names, key=lambda name: name.endswith(MANIFEST)))
        n_files += len(names)
    return n_files


def _is_key(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _read_work(store: BlobStore, key: str) -> EmbeddingWork | None:
    data = store.get(f"{key}/{MANIFEST}")
    if data is None or hashlib.sha256(data).hexdigest() != key:
        return None
    content: dict[str, Any] = json.loads(data)
    names = [field.name for field in fields(EmbeddingWork)]
    if any(name not in content for name in names):
        return None  # of another version
    return EmbeddingWork(**{name: content[name] for name in names})
