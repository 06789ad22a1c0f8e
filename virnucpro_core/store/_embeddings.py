"""Embedding files: `/embeddings` (frames × width), `/ids`, and what made them as attributes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.store._hdf5 import attribute, create_hdf5, open_hdf5

__all__ = ["EmbeddingInfo", "Embeddings", "read_embeddings", "write_embeddings"]

_KIND = "virnucpro-embeddings"
_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class EmbeddingInfo:
    """What made an embedding file; each field is an attribute of it.

    Attributes:
        model: name of the encoder.
        layer: number of the layer whose output was pooled.
        pooling: ``"mean"``.
        precision: number format the encoder computed in, for example ``"fp32"``.
        weights_sha256: digest of the encoder's weights file.
        shard_sha256: digest of the shard that was embedded.
    """

    model: str
    layer: int
    pooling: str
    precision: str
    weights_sha256: str
    shard_sha256: str


@dataclass(frozen=True, slots=True)
class Embeddings:
    """``n`` embeddings of width ``D``.

    Attributes:
        ids: the n frame ids.
        values: float32 [n, D].
        info: what made them.
    """

    ids: list[str]
    values: NDArray[np.float32]
    info: EmbeddingInfo


def write_embeddings(embeddings: Embeddings, path: Path) -> None:
    """Write ``embeddings`` to ``path``, whole or not at all.

    Raises:
        StoreError: the file cannot be written.
    """
    with create_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        for name in EmbeddingInfo.__slots__:
            file.attrs[name] = getattr(embeddings.info, name)
        file.create_dataset("embeddings", data=embeddings.values.astype(np.float32, copy=False))
        ids = [name.encode() for name in embeddings.ids]
        width = max(map(len, ids), default=1)
        file.create_dataset("ids", data=np.array(ids, dtype=f"S{max(width, 1)}"))


def read_embeddings(path: Path) -> Embeddings:
    """Read an embedding file.

    Raises:
        StoreError: the file is missing, damaged, or not an embedding file.
    """
    with open_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        info = EmbeddingInfo(
            model=attribute(file, "model"),
            layer=int(attribute(file, "layer")),
            pooling=attribute(file, "pooling"),
            precision=attribute(file, "precision"),
            weights_sha256=attribute(file, "weights_sha256"),
            shard_sha256=attribute(file, "shard_sha256"),
        )
        ids = [name.decode() for name in file["ids"][:].tolist()]
        return Embeddings(ids, file["embeddings"][:], info)
