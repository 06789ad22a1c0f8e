"""``scores.parquet``: a row for every frame, with all that led to its record's call.

Shape letters: ``F`` frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._files import commit, temporary_beside, write_failure
from virnucpro_core.store import FRAME_NAMES, FrameScores, SetAside

__all__ = ["FRAME_TABLE_VERSION", "FrameTable"]

FRAME_TABLE_VERSION = 1

_REASONS = [None if why is SetAside.EMBEDDED else why.reason for why in sorted(SetAside)]


class FrameTable:
    """Writes ``scores.parquet`` as frames come, whole or not at all; a context manager.

    Equal frames give equal bytes. Memory holds one row group, 131,072 frames.

    Args:
        path: the file.
        labels: of the file's metadata, beside its schema version.
        with_strangeness: whether frames have one.

    Attributes:
        GROUP_ROWS: frames of a row group. They are counted out, so that the bytes do not depend on
            the slices in which frames come.

    Raises (on entering, adding and leaving):
        StoreError: the file cannot be written.
    """

    GROUP_ROWS = 1 << 17

    def __init__(
        self, path: Path, labels: dict[str, str], *, with_strangeness: bool = False
    ) -> None:
        self._path = path
        self._temporary = temporary_beside(path)
        self._labels = {"schema_version": str(FRAME_TABLE_VERSION), **labels}
        self._with_strangeness = with_strangeness
        self._pending: list[Any] = []
        self._n_pending = 0
        self._writer: Any = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> FrameTable:
        from pyarrow import parquet

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Not by its name, which pyarrow takes only if all of it is UTF-8.
            self._file = self._temporary.open("wb")
            self._writer = parquet.ParquetWriter(
                self._file,
                _schema(self._labels, with_strangeness=self._with_strangeness),
                compression="zstd",
                use_dictionary=["record", "frame", "set_aside"],
            )
        except OSError as error:
            raise write_failure(self._path, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.finish()
            else:
                self._writer.close()
            self._close()
            if kind is None:
                commit(self._temporary, self._path)
        except OSError as failure:
            raise write_failure(self._path, failure) from failure
        finally:
            self._temporary.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def add(
        self,
        frames: FrameScores,
        ids: Sequence[str],
        first: int,
        chunk_start: NDArray[np.int64],
        log_odds: NDArray[np.float64] | None,
    ) -> None:
        """Take ``frames``.

        Args:
            ids: record ids, from record number ``first`` on.
            first: number of the record that ``ids`` begins with.
            chunk_start: int64 [F], first base of each frame's window, from 0.
            log_odds: float64 [F], of each frame's window, NaN where it was not scored; None
                without a calibration.
        """
        import pyarrow as pa

        is_scored = frames.set_aside == SetAside.EMBEDDED
        coverage = 3 * frames.n_free / frames.chunk_length
        missing = ~is_scored
        unknown = np.ones(len(frames), np.bool_) if log_odds is None else np.isnan(log_odds)
        odds = np.zeros(len(frames)) if log_odds is None else log_odds
        columns = [
            pa.array(ids, pa.string()).take(pa.array(frames.record_index - first)),
            pa.array(frames.record_index),
            pa.array(frames.chunk),
            pa.array(chunk_start),
            pa.array(frames.chunk_length),
            pa.array(FRAME_NAMES, pa.string()).take(pa.array(frames.frame)),
            pa.array(frames.scores[:, 0], mask=missing),
            pa.array(frames.scores[:, 1], mask=missing),
            pa.array(_REASONS, pa.string()).take(pa.array(frames.set_aside)),
            pa.array(odds.astype(np.float32), mask=unknown),
            pa.array(coverage.astype(np.float32)),
        ]
        if self._with_strangeness:
            columns.append(pa.array(frames.strangeness))
        schema = _schema(self._labels, with_strangeness=self._with_strangeness)
        self._pending.append(pa.Table.from_arrays(columns, schema=schema))
        self._n_pending += len(frames)
        if self._n_pending >= self.GROUP_ROWS:
            self._write_groups()

    def finish(self) -> None:
        """Write what is left; after this leaving only gives the file its name."""
        if self._n_pending:
            self._write(self._joined())
            self._pending, self._n_pending = [], 0
        try:
            self._writer.close()
        except OSError as error:
            raise write_failure(self._path, error) from error

    def _write_groups(self) -> None:
        table = self._joined()
        n_whole = self._n_pending - self._n_pending % self.GROUP_ROWS
        for start in range(0, n_whole, self.GROUP_ROWS):
            self._write(table.slice(start, self.GROUP_ROWS).combine_chunks())
        rest = table.slice(n_whole)
        self._pending, self._n_pending = [rest], len(rest)

    def _joined(self) -> Any:
        import pyarrow as pa

        return pa.concat_tables(self._pending).combine_chunks()

    def _write(self, table: Any) -> None:
        try:
            self._writer.write_table(table, row_group_size=self.GROUP_ROWS)
        except OSError as error:
            raise write_failure(self._path, error) from error


def _schema(labels: dict[str, str], *, with_strangeness: bool) -> Any:
    import pyarrow as pa

    strangeness = [pa.field("strangeness", pa.float32(), nullable=False)]

    return pa.schema(
        [
            pa.field("record", pa.string(), nullable=False),
            pa.field("record_index", pa.int64(), nullable=False),
            pa.field("chunk", pa.int32(), nullable=False),
            pa.field("chunk_start", pa.int64(), nullable=False),
            pa.field("chunk_length", pa.int32(), nullable=False),
            pa.field("frame", pa.string(), nullable=False),
            pa.field("score1", pa.float32()),
            pa.field("score2", pa.float32()),
            pa.field("set_aside", pa.string()),
            pa.field("window_log_odds", pa.float32()),
            pa.field("coverage", pa.float32(), nullable=False),
            *(strangeness if with_strangeness else ()),
        ],
        metadata=labels,
    )
