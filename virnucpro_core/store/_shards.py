"""Shards: files of frames, the unit that the pipeline scatters."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.errors import InputError, StoreError
from virnucpro_core.store._hdf5 import attribute, create_hdf5, frame_rule_of, open_hdf5
from virnucpro_core.store._strings import ByteStrings

__all__ = [
    "FRAME_NAMES",
    "WHOLE_RECORDS",
    "FrameShard",
    "ShardStrings",
    "check_is_shard",
    "read_shard",
    "write_shard",
]

FRAME_NAMES = ("F1", "F2", "F3", "R1", "R2", "R3")
"""Names of the six reading frames, by frame number 0 to 5."""

WHOLE_RECORDS = 0
"""The window size of a shard of whole records, which are neither cut nor translated."""

_KIND = "virnucpro-shard"
_SCHEMA_VERSION = 1
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FIRST_CODON = "frames/first_codon"
_COLUMNS = {
    "nucleotides": ("frames/nucleotides", "frames/nucleotide_offsets"),
    "proteins": ("frames/proteins", "frames/protein_offsets"),
}


@dataclass(frozen=True, slots=True)
class FrameShard:
    """``F`` frames of ``R`` records, in input order.

    Attributes:
        sample: name of the sample.
        index: number of the shard in its sample, from 1.
        window_size: window size in bases, or `WHOLE_RECORDS`: every record is one frame, and has
            nucleotides or a protein, not both.
        record_index: int64 [R], each record's number in the input, from 0.
        record_ids: the R record ids (UTF-8).
        record_row: int32 [F], the frame's record as a row of ``record_ids``.
        chunk: int32 [F], number of the window in its record, from 1.
        chunk_length: int32 [F], length of that window in bases.
        frame: uint8 [F], 0 to 5, see `FRAME_NAMES`.
        nucleotides: of the F whole frames, stop codons included (A, C, G, T and IUPAC letters).
        proteins: the F translations of what is free of stops: all of a frame that is complete, the
            longest stretch of one that is partial.
        frame_rule: by which the frames were found.
        first_codon: int32 [F], codons of the frame before its protein; None by the rule
            ``complete``, where there are none.
    """

    sample: str
    index: int
    window_size: int
    record_index: NDArray[np.int64]
    record_ids: ByteStrings
    record_row: NDArray[np.int32]
    chunk: NDArray[np.int32]
    chunk_length: NDArray[np.int32]
    frame: NDArray[np.uint8]
    nucleotides: ByteStrings
    proteins: ByteStrings
    frame_rule: FrameRule = "complete"
    first_codon: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        if (self.frame_rule == "complete") is not (self.first_codon is None):
            raise ValueError("places of the proteins go with partial frames")

    def __len__(self) -> int:
        return len(self.frame)

    def frame_ids(self) -> list[str]:
        """``<record>_chunk_<n><frame>`` for every frame; just ``<record>`` for a whole record."""
        names = [name.decode() for name in self.record_ids]
        if self.window_size == WHOLE_RECORDS:
            return [names[row] for row in self.record_row.tolist()]
        rows, chunks, frames = self.record_row.tolist(), self.chunk.tolist(), self.frame.tolist()
        return [
            f"{names[row]}_chunk_{chunk}{FRAME_NAMES[frame]}"
            for row, chunk, frame in zip(rows, chunks, frames, strict=True)
        ]

    def digest(self) -> str:
        """SHA-256 (hex) over everything that the embeddings and scores depend on."""
        head = f"{_KIND} {_SCHEMA_VERSION} {self.window_size}"
        # Shards of complete frames keep the digests that they had before there was another rule.
        if self.frame_rule != "complete":
            head += f" {self.frame_rule}"
        sha = hashlib.sha256(head.encode())
        for array in self._arrays().values():
            sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        places = {} if self.first_codon is None else {_FIRST_CODON: self.first_codon}
        return {
            "records/index": self.record_index,
            "records/id_offsets": self.record_ids.offsets,
            "records/ids": self.record_ids.data,
            "frames/record_row": self.record_row,
            "frames/chunk": self.chunk,
            "frames/chunk_length": self.chunk_length,
            "frames/frame": self.frame,
            "frames/nucleotide_offsets": self.nucleotides.offsets,
            "frames/nucleotides": self.nucleotides.data,
            "frames/protein_offsets": self.proteins.offsets,
            "frames/proteins": self.proteins.data,
            **places,
        }


@dataclass(frozen=True, slots=True)
class ShardStrings:
    """The nucleotides or the proteins of a shard that `read_shard` has checked.

    It holds no sequence, so it can be handed to another process at no cost.

    Attributes:
        path: the shard.
        column: which of a frame's two sequences.
    """

    path: Path
    column: Literal["nucleotides", "proteins"]

    def __len__(self) -> int:
        with open_hdf5(self.path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
            return len(file[_COLUMNS[self.column][1]]) - 1

    def slice(self, start: int, stop: int) -> ByteStrings:
        """Read sequences ``start`` to ``stop`` (exclusive), and nothing else.

        Raises:
            StoreError: the file is missing, damaged, or not a shard.
        """
        data, offsets = _COLUMNS[self.column]
        with open_hdf5(self.path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
            bounds = file[offsets][start : stop + 1]
            return ByteStrings(file[data][bounds[0] : bounds[-1]], bounds - bounds[0])


def write_shard(shard: FrameShard, path: Path) -> None:
    """Write ``shard`` to ``path``, whole or not at all.

    Raises:
        StoreError: the file cannot be written.
    """
    with create_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        file.attrs["sample"] = shard.sample
        file.attrs["index"] = shard.index
        file.attrs["window_size"] = shard.window_size
        file.attrs["sha256"] = shard.digest()
        if shard.frame_rule != "complete":
            file.attrs["frame_rule"] = shard.frame_rule
        for name, array in shard._arrays().items():
            file.create_dataset(name, data=array)


def check_is_shard(path: Path) -> None:
    """See that a file that the user names is a shard; whether it is whole, `read_shard` says.

    Raises:
        InputError: it is not there, or something else.
    """
    remedy = "name a shard of 'virnucpro prepare' or 'virnucpro shard'"
    try:
        with path.open("rb") as raw:
            head = raw.read(len(_SIGNATURE))
    except FileNotFoundError:
        raise InputError("does not exist", where=str(path), remedy=remedy) from None
    except IsADirectoryError:
        raise InputError("is a directory", where=str(path), remedy=remedy) from None
    except OSError:
        return
    # What is empty or cut off may have been a shard.
    if not _SIGNATURE.startswith(head):
        raise InputError("is not an HDF5 file", where=str(path), remedy=remedy)
    try:
        with h5py.File(path, "r") as file:
            kind = file.attrs.get("kind")
    except OSError:
        return
    if kind != _KIND:
        raise InputError(f"holds {kind or 'something else'}", where=str(path), remedy=remedy)


def read_shard(path: Path) -> FrameShard:
    """Read a shard and check its content against its digest.

    Raises:
        StoreError: the file is missing, damaged, altered, or not a shard.
    """
    with open_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        digest = attribute(file, "sha256")
        frame_rule = frame_rule_of(file)
        shard = FrameShard(
            sample=attribute(file, "sample"),
            index=int(attribute(file, "index")),
            window_size=int(attribute(file, "window_size")),
            record_index=file["records/index"][:],
            record_ids=_strings(file, "records/ids", "records/id_offsets"),
            record_row=file["frames/record_row"][:],
            chunk=file["frames/chunk"][:],
            chunk_length=file["frames/chunk_length"][:],
            frame=file["frames/frame"][:],
            nucleotides=_strings(file, "frames/nucleotides", "frames/nucleotide_offsets"),
            proteins=_strings(file, "frames/proteins", "frames/protein_offsets"),
            frame_rule=frame_rule,
            first_codon=None if frame_rule == "complete" else file[_FIRST_CODON][:],
        )
    if shard.digest() != digest:
        raise StoreError(
            "does not hold what was written to it", where=str(path), remedy="prepare it again"
        )
    return shard


def _strings(file: h5py.File, data: str, offsets: str) -> ByteStrings:
    return ByteStrings(file[data][:], file[offsets][:])
