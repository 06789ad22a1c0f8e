"""Embedding files: `/embeddings` (sequences × width), `/ids`, and what made them as attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import StoreError
from virnucpro_core.store._hdf5 import attribute, create_hdf5, open_hdf5
from virnucpro_core.store._set_aside import SetAside

__all__ = [
    "EmbeddingInfo",
    "Embeddings",
    "join_embeddings",
    "read_embedding_info",
    "read_embeddings",
    "write_embeddings",
]

_KIND = "virnucpro-embeddings"
_SCHEMA_VERSION = 1
_FIRST_ENGINE = "v2"
"""What made the files that do not name an engine: there was no other."""


@dataclass(frozen=True, slots=True)
class EmbeddingInfo:
    """What made an embedding file; each field is an attribute of it.

    Attributes:
        model: name of the encoder.
        layer: number of the layer whose output was pooled.
        pooling: ``"mean"``, ``"cls"`` or ``"none"``.
        precision: number format the encoder computed in, for example ``"fp32"``.
        weights_sha256: digest of the encoder's weights file.
        shard_sha256: digest of the shard, or of the sequences, that was embedded.
        engine: ``"v2"``, or ``"v1"`` for the padded reference; a file without this is of v2.
    """

    model: str
    layer: int
    pooling: str
    precision: str
    weights_sha256: str
    shard_sha256: str
    engine: str = _FIRST_ENGINE


@dataclass(frozen=True, slots=True)
class Embeddings:
    """``n`` embeddings of width ``D``.

    Attributes:
        ids: the n ids of frames or records.
        values: float32 [n, D]; without pooling [T, D], the tokens of all sequences end to end.
        info: what made them.
        offsets: None, or without pooling int64 [n + 1]: the tokens of sequence ``i`` are
            ``values[offsets[i]:offsets[i + 1]]``.
        set_aside: uint8 [n], a `SetAside` for each; None where all are embedded. The values of one
            that was set aside are NaN.
    """

    ids: list[str]
    values: NDArray[np.float32]
    info: EmbeddingInfo
    offsets: NDArray[np.int64] | None = None
    set_aside: NDArray[np.uint8] | None = None

    @property
    def is_embedded(self) -> NDArray[np.bool_]:
        """bool [n], which were not set aside."""
        if self.set_aside is None:
            return np.ones(len(self.ids), dtype=np.bool_)
        embedded: NDArray[np.bool_] = self.set_aside == SetAside.EMBEDDED
        return embedded


def write_embeddings(embeddings: Embeddings, path: Path) -> None:
    """Write ``embeddings`` to ``path``, whole or not at all.

    Raises:
        StoreError: the file cannot be written.
    """
    with create_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        _write_info(file, embeddings.info)
        file.create_dataset("embeddings", data=embeddings.values.astype(np.float32, copy=False))
        _write_ids(file, embeddings.ids)
        if embeddings.offsets is not None:
            file.create_dataset("offsets", data=embeddings.offsets)
        _write_set_aside(file, embeddings.set_aside)


def read_embeddings(path: Path) -> Embeddings:
    """Read an embedding file.

    Raises:
        StoreError: the file is missing, damaged, or not an embedding file.
    """
    with open_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        return Embeddings(
            ids=_read_ids(file),
            values=file["embeddings"][:],
            info=_read_info(file),
            offsets=file["offsets"][:] if "offsets" in file else None,
            set_aside=file["set_aside"][:] if "set_aside" in file else None,
        )


def read_embedding_info(path: Path) -> EmbeddingInfo:
    """Read what made an embedding file, and none of its embeddings.

    Raises:
        StoreError: the file is missing, damaged, or not an embedding file.
    """
    with open_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        return _read_info(file)


def join_embeddings(parts: Sequence[Path], path: Path) -> tuple[list[str], NDArray[np.uint8]]:
    """Write the embeddings of ``parts``, one after the other, to ``path``.

    One part at a time is in memory. In place of a shard's digest the file has that of the parts'
    digests in their order.

    Args:
        parts: at least one file of pooled embeddings.
        path: the file to write.

    Returns:
        The ids of all embeddings, and a `SetAside` (uint8) for each.

    Raises:
        StoreError: a part cannot be read or was made by another model or in another way than the
            first, or ``path`` cannot be written.
    """
    infos = []
    ids: list[str] = []
    for part in parts:
        with open_hdf5(part, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
            infos.append(_read_info(file))
            ids += _read_ids(file)
            width = file["embeddings"].shape[1]
    for part, info in zip(parts, infos, strict=True):
        if replace(info, shard_sha256="") != replace(infos[0], shard_sha256=""):
            raise StoreError(
                f"was made in another way than {parts[0].name}: {info} against {infos[0]}",
                where=str(part),
                remedy="embed all parts with one model and one set of options",
            )
    digests = "".join(info.shard_sha256 for info in infos)
    with create_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        joined_sha256 = hashlib.sha256(digests.encode()).hexdigest()
        _write_info(file, replace(infos[0], shard_sha256=joined_sha256))
        values = file.create_dataset("embeddings", (len(ids), width), np.float32)
        set_aside = np.zeros(len(ids), dtype=np.uint8)
        start = 0
        for part in parts:
            some = read_embeddings(part)
            rows = slice(start, start + len(some.values))
            values[rows] = some.values
            if some.set_aside is not None:
                set_aside[rows] = some.set_aside
            start = rows.stop
        _write_ids(file, ids)
        _write_set_aside(file, set_aside)
    return ids, set_aside


def _write_info(file: h5py.File, info: EmbeddingInfo) -> None:
    for name in EmbeddingInfo.__slots__:
        file.attrs[name] = getattr(info, name)


def _read_info(file: h5py.File) -> EmbeddingInfo:
    return EmbeddingInfo(
        model=attribute(file, "model"),
        layer=int(attribute(file, "layer")),
        pooling=attribute(file, "pooling"),
        precision=attribute(file, "precision"),
        weights_sha256=attribute(file, "weights_sha256"),
        shard_sha256=attribute(file, "shard_sha256"),
        engine=str(file.attrs.get("engine", _FIRST_ENGINE)),
    )


def _write_set_aside(file: h5py.File, set_aside: NDArray[np.uint8] | None) -> None:
    if set_aside is not None and set_aside.any():
        file.create_dataset("set_aside", data=set_aside)


def _write_ids(file: h5py.File, ids: Sequence[str]) -> None:
    encoded = [name.encode() for name in ids]
    width = max(map(len, encoded), default=1)
    file.create_dataset("ids", data=np.array(encoded, dtype=f"S{max(width, 1)}"))


def _read_ids(file: h5py.File) -> list[str]:
    return [name.decode() for name in file["ids"][:].tolist()]
