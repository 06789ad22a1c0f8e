"""Checkpoints: the finished parts of a shard's embeddings, kept until the run has succeeded.

::

    <store>/<key>/manifest.json               what is embedded with what; its SHA-256 is the key
    <store>/<key>/<token budget>/<sha256>.h5  a part, named by the SHA-256 of its bytes

Nothing is ever changed in place, and no file is needed to make another one valid: a part counts
when its bytes are those of its name and it says that it belongs to the key. So two writers cannot
harm each other, and a crash leaves a part whole or not there. Shape letters: ``n`` sequences of a
part, ``D`` width of an embedding.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import StoreError
from virnucpro_core.store._blobs import BlobStore
from virnucpro_core.store._hdf5 import attribute, open_hdf5, start_hdf5

__all__ = [
    "MANIFEST",
    "BadPart",
    "Checkpoint",
    "EmbeddingWork",
    "Part",
    "PartName",
    "decode_part",
    "parse_part_name",
]

_KIND = "virnucpro-part"
_SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
"""Name of the file that says what a checkpoint is of."""

_SUFFIX = ".h5"


@dataclass(frozen=True, slots=True)
class EmbeddingWork:
    """Everything that the embeddings of a shard depend on, but for the token budget.

    Neither the device nor its number is among it: another machine takes up the work.

    Attributes:
        label: name of the shard, for people.
        molecule: ``"dna"`` or ``"protein"``.
        shard_sha256: digest of the shard.
        n_sequences: sequences of the shard.
        model: name of the encoder.
        weights_sha256: digest of its weights.
        layer: number of the layer that is pooled.
        pooling: what becomes of a sequence's tokens.
        engine: ``"v2"``, or ``"v1"`` for the padded reference.
        precision: number format that the encoder computes in.
        attention: the attention backend asked for; ``"auto"`` leaves it to each machine.
        width: D.
        code_sha256: digest of the code that embeds.
    """

    label: str
    molecule: str
    shard_sha256: str
    n_sequences: int
    model: str
    weights_sha256: str
    layer: int
    pooling: str
    engine: str
    precision: str
    attention: str
    width: int
    code_sha256: str

    def manifest(self) -> bytes:
        """This as JSON, the same bytes on every machine."""
        fields = {"kind": _KIND, "schema_version": _SCHEMA_VERSION, **asdict(self)}
        return (json.dumps(fields, indent=1, sort_keys=True) + "\n").encode()

    def key(self) -> str:
        """SHA-256 (hex) of the manifest."""
        return hashlib.sha256(self.manifest()).hexdigest()


@dataclass(frozen=True, slots=True)
class Part:
    """Finished embeddings of some sequences of a shard.

    Attributes:
        indices: int64 [n], which sequences of the shard, none twice.
        values: float32 [n, D].
    """

    indices: NDArray[np.int64]
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BadPart:
    """A part that cannot be used.

    Attributes:
        name: of its file in the store.
        reason: what is wrong with it, a clause.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class PartName:
    """What the name of a part's file says: ``<key>/<token budget>/<sha256>.h5``."""

    key: str
    token_budget: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.key}/{self.token_budget}/{self.sha256}{_SUFFIX}"


def parse_part_name(name: str) -> PartName | None:
    """The parts of a file's name in a store; None when it is not the name of a part."""
    pieces = name.split("/")
    if len(pieces) != 3 or not pieces[1].isdecimal() or not pieces[2].endswith(_SUFFIX):
        return None
    return PartName(pieces[0], int(pieces[1]), pieces[2].removesuffix(_SUFFIX))


class Checkpoint:
    """The parts of one `EmbeddingWork` in a store.

    Args:
        store: where they are.
        work: what they are of.

    Attributes:
        key: SHA-256 (hex) of the work's manifest.
    """

    def __init__(self, store: BlobStore, work: EmbeddingWork) -> None:
        self._store = store
        self._work = work
        self.key = work.key()
        self._has_manifest = False

    def token_budgets(self) -> dict[int, int]:
        """Token budgets that there are parts of, each with the bytes of its parts.

        Parts of different budgets are kept apart: the batch that a sequence is in changes the last
        bits of its embedding.

        Raises:
            StoreError: the store cannot be read.
        """
        n_bytes: dict[int, int] = {}
        for blob in self._store.list(f"{self.key}/"):
            name = parse_part_name(blob.name)
            if name is not None:
                n_bytes[name.token_budget] = n_bytes.get(name.token_budget, 0) + blob.size
        return n_bytes

    def read(self, token_budget: int) -> Iterator[Part | BadPart]:
        """Every part of a token budget, verified; one at a time is in memory.

        Raises:
            StoreError: the store cannot be read.
        """
        for blob in self._store.list(f"{self.key}/{token_budget}/"):
            name = parse_part_name(blob.name)
            data = None if name is None else self._store.get(blob.name)
            if name is None or data is None:
                continue  # not a part, or another run has removed it since
            yield decode_part(data, name, self._work)

    def commit(self, token_budget: int, part: Part) -> str:
        """Store ``part`` and return the name of its file; once this returns it is safe.

        Raises:
            StoreError: the store cannot be written.
        """
        if not self._has_manifest:
            self._store.put(f"{self.key}/{MANIFEST}", self._work.manifest())
            self._has_manifest = True
        data = _encode(part, self.key)
        name = str(PartName(self.key, token_budget, hashlib.sha256(data).hexdigest()))
        self._store.put(name, data)
        return name


def _encode(part: Part, key: str) -> bytes:
    """The part as an HDF5 file: the same part gives the same bytes."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="v110") as file:
        start_hdf5(file, kind=_KIND, schema_version=_SCHEMA_VERSION)
        file.attrs["key"] = key
        file.create_dataset("indices", data=part.indices.astype(np.int64, copy=False))
        file.create_dataset("embeddings", data=part.values.astype(np.float32, copy=False))
    return buffer.getvalue()


def decode_part(data: bytes, name: PartName, work: EmbeddingWork | None) -> Part | BadPart:
    """Read a part's file and check it against its name and against what it should be a part of.

    Args:
        data: its bytes.
        name: its name in the store.
        work: what it should be a part of; None where that is unknown.
    """
    if hashlib.sha256(data).hexdigest() != name.sha256:
        return BadPart(str(name), f"its {len(data)} bytes are not those that were written")
    try:
        with open_hdf5(
            io.BytesIO(data), kind=_KIND, schema_version=_SCHEMA_VERSION, where=str(name)
        ) as file:
            key = attribute(file, "key", where=str(name))
            indices, values = file["indices"][:], file["embeddings"][:]
    except StoreError as error:
        return BadPart(str(name), error.what)
    if key != name.key:
        return BadPart(str(name), f"it belongs to the checkpoint {key[:12]}")
    if work is not None and not _are_rows_of(work, indices, values):
        return BadPart(str(name), "its rows are not those of the shard")
    return Part(indices, values)


def _are_rows_of(
    work: EmbeddingWork, indices: NDArray[np.generic], values: NDArray[np.generic]
) -> bool:
    return bool(
        indices.dtype == np.int64
        and values.dtype == np.float32
        and indices.ndim == 1
        and values.shape == (len(indices), work.width)
        and np.isin(indices, np.arange(work.n_sequences)).all()
        and len(np.unique(indices)) == len(indices)
        and np.isfinite(values).all()
    )
