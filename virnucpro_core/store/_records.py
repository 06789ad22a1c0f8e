"""The record table: one row for every input record, in input order, for one sample."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.store._hdf5 import attribute, create_hdf5, frame_rule_of, open_hdf5
from virnucpro_core.store._strings import ByteStrings

__all__ = ["RecordRows", "RecordTable", "RecordTableWriter", "create_record_table"]

_KIND = "virnucpro-records"
_SCHEMA_VERSION = 3
_COLUMNS = {
    "length": np.int64,
    "n_chunks": np.int32,
    "n_unknown": np.int32,
    "n_low_complexity": np.int32,
    "n_frames": np.int32,
}
# HDF5 allots whole chunks, so a small sample should not need much more than one small chunk.
_CHUNK_ROWS = 4_096
_BLOCK_ROWS = 65_536
_WHOLE = 0  # the window size of records that are taken whole


@dataclass(frozen=True, slots=True)
class RecordRows:
    """``n`` consecutive rows of a record table.

    Attributes:
        ids: the n record ids (UTF-8).
        length: int64 [n], in bases.
        n_chunks: int32 [n], windows of the record.
        n_unknown: int32 [n], those of them that have too many unknown bases to be scored.
        n_low_complexity: int32 [n], those of them that have too little complexity to be scored.
        n_frames: int32 [n], frames of all its other windows.
    """

    ids: ByteStrings
    length: NDArray[np.int64]
    n_chunks: NDArray[np.int32]
    n_unknown: NDArray[np.int32]
    n_low_complexity: NDArray[np.int32]
    n_frames: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.length)

    @property
    def n_uninformative(self) -> NDArray[np.int32]:
        """int32 [n], windows without enough information to be scored."""
        without: NDArray[np.int32] = self.n_unknown + self.n_low_complexity
        return without


class RecordTableWriter:
    """Appends rows to the table that `create_record_table` opened."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._ends = file.create_dataset(
            "id_ends", (0,), np.int64, maxshape=(None,), chunks=(_CHUNK_ROWS,)
        )
        self._ids = file.create_dataset(
            "ids", (0,), np.uint8, maxshape=(None,), chunks=(16 * _CHUNK_ROWS,)
        )
        self._columns = {
            name: file.create_dataset(name, (0,), kind, maxshape=(None,), chunks=(_CHUNK_ROWS,))
            for name, kind in _COLUMNS.items()
        }

    def append(self, rows: RecordRows) -> None:
        """Add ``rows`` after those already there."""
        n_bytes = len(self._ids)
        _extend(self._ids, rows.ids.data)
        _extend(self._ends, rows.ids.offsets[1:] + n_bytes)
        for name, column in self._columns.items():
            _extend(column, getattr(rows, name))


@contextmanager
def create_record_table(
    path: Path,
    *,
    sample: str,
    window_size: int | None = None,
    frame_rule: FrameRule = "complete",
) -> Iterator[RecordTableWriter]:
    """Write a record table that is named ``path`` only once it is whole.

    Args:
        sample: name of the sample.
        window_size: bases in a window; None for records that are taken whole.
        frame_rule: by which frames were found.

    Raises:
        StoreError: the file cannot be written.
    """
    with create_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        file.attrs["sample"] = sample
        file.attrs["window_size"] = _WHOLE if window_size is None else window_size
        if frame_rule != "complete":
            file.attrs["frame_rule"] = frame_rule
        yield RecordTableWriter(file)


@dataclass(frozen=True, slots=True)
class RecordTable:
    """A record table on disk, read a block at a time.

    Attributes:
        path: the file.
        sample: name of the sample.
        n_records: number of rows.
        window_size: bases in a window; None where the records were taken whole.
        frame_rule: by which frames were found.
    """

    path: Path
    sample: str
    n_records: int
    window_size: int | None
    frame_rule: FrameRule

    @classmethod
    def open(cls, path: Path) -> RecordTable:
        """Check the file and read its header.

        Raises:
            StoreError: the file is missing, damaged, or not a record table.
        """
        with open_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
            window_size = int(attribute(file, "window_size")) or None
            return cls(
                path, attribute(file, "sample"), len(file["length"]), window_size,
                frame_rule_of(file),
            )  # fmt: skip

    def blocks(self, rows_per_block: int = _BLOCK_ROWS) -> Iterator[RecordRows]:
        """All rows in input order, at most ``rows_per_block`` at a time."""
        with open_hdf5(self.path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
            for start in range(0, self.n_records, rows_per_block):
                yield self._rows(file, start, min(start + rows_per_block, self.n_records))

    def lengths(self) -> NDArray[np.int64]:
        """int64 [n_records], of all records in bases."""
        with open_hdf5(self.path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
            lengths: NDArray[np.int64] = file["length"][:]
            return lengths

    def rows(self, start: int, stop: int) -> RecordRows:
        """Rows ``start`` to ``stop`` (exclusive)."""
        with open_hdf5(self.path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
            return self._rows(file, start, stop)

    @staticmethod
    def _rows(file: h5py.File, start: int, stop: int) -> RecordRows:
        ends = file["id_ends"][start:stop]
        first = int(file["id_ends"][start - 1]) if start else 0
        data = file["ids"][first : int(ends[-1]) if len(ends) else first]
        offsets = np.concatenate([[0], ends - first]).astype(np.int64)
        return RecordRows(
            ByteStrings(data, offsets),
            *(file[name][start:stop] for name in _COLUMNS),
        )


def _extend(dataset: h5py.Dataset, values: NDArray[np.generic]) -> None:
    start = len(dataset)
    dataset.resize((start + len(values),))
    dataset[start:] = values
