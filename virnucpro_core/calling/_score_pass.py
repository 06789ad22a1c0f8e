"""The pass over all scores of a sample: what is written frame by frame, and the records' scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._files import AtomicFile
from virnucpro_core.calling._chunks import score_chunks
from virnucpro_core.calling._classic import chunk_lines, frame_lines
from virnucpro_core.calling._frame_table import FrameTable
from virnucpro_core.calling._line_sorter import LineSorter
from virnucpro_core.calling._mates import pair_keys
from virnucpro_core.calling._record_scores import RecordScorer, RecordScores
from virnucpro_core.calling._regions import Region, RegionFinder, bed_lines
from virnucpro_core.calling._score_files import FrameStream, select_frames
from virnucpro_core.errors import StoreError
from virnucpro_core.sequences import window_starts
from virnucpro_core.store import FrameScores, RecordRows, RecordTable, SetAside

__all__ = ["FrameCounts", "ScorePass", "write_lines"]

_LINES_PER_WRITE = 8192
_ALL_RECORDS = np.iinfo(np.int64).max


@dataclass(slots=True)
class FrameCounts:
    """What was seen of a sample.

    Attributes:
        frames: frames, scored or set aside.
        set_aside: frames that were set aside.
        partial: frames with a stop, scored or set aside.
        windows: windows of the records.
        unknown_windows, low_complexity_windows: those of them without information, by why.
        scored_windows: windows with at least one scored frame.
        scored_bases: of these windows.
        covered_bases: those of them in the stop-free stretches that were used, see `ChunkScores`.
        regions: lines of ``regions.bed``.
    """

    frames: int = 0
    set_aside: int = 0
    partial: int = 0
    windows: int = 0
    unknown_windows: int = 0
    low_complexity_windows: int = 0
    scored_windows: int = 0
    scored_bases: int = 0
    covered_bases: int = 0
    regions: int = 0


class ScorePass:
    """Reads all scores of a sample once, a block of records at a time.

    Attributes (complete after `run`):
        scores: of all records.
        window_size: bases of a whole window.
        pair_keys: uint64 [R], by ids, see `pair_keys`.
        counts: what was seen.
    """

    def __init__(
        self,
        records: RecordTable,
        frames: FrameStream,
        *,
        frame_file: AtomicFile,
        region_file: AtomicFile,
        frame_table: FrameTable,
        chunk_sorter: LineSorter,
    ) -> None:
        if records.window_size is None:
            raise StoreError(
                "is of records that were taken whole",
                where=str(records.path),
                remedy="give the table that 'virnucpro prepare' wrote",
            )
        self._records = records
        self.window_size = records.window_size
        self._frames = frames
        self._frame_file = frame_file
        self._region_file = region_file
        self._frame_table = frame_table
        self._chunk_sorter = chunk_sorter
        self.scores = RecordScores.of_nothing(records.n_records)
        self.pair_keys = np.zeros(records.n_records, dtype=np.uint64)
        self.counts = FrameCounts()

    def run(self, block_records: int, progress: Callable[[int], None]) -> None:
        """Go through all records, ``block_records`` at a time.

        ``progress`` is called with the number of records done, after each block.

        Raises:
            StoreError: the scores are not those of the records, or a file cannot be written.
            NumericError: a score is NaN or infinite.
        """
        first = 0
        for rows in self._records.blocks(block_records):
            self.pair_keys[first : first + len(rows)] = pair_keys(rows.ids, len(rows))
            self._score_block(rows, first)
            first += len(rows)
            progress(first)
        for rest in self._frames.before(_ALL_RECORDS):
            raise StoreError(
                f"there are scores of record {rest.record_index[0] + 1}, the table ends before",
                where=str(self._records.path),
                remedy="give the record table and the score files of one run",
            )
        self._frame_table.finish()

    def _score_block(self, rows: RecordRows, first: int) -> None:
        """Score the records ``rows``, numbers ``first`` on, and write their frames and chunks."""
        calibration = self._frames.calibration
        ids = [name.decode() for name in rows.ids]
        scorer = RecordScorer(first, len(rows), calibration)
        finder = (
            None
            if calibration is None
            else RegionFinder(first, rows.length, self.window_size, calibration)
        )
        for frames in self._frames.before(first + len(rows)):
            _check_chunks(frames, rows, ids, first)
            scorer.count(frames)
            chunks, chunk_of_frame = score_chunks(frames)
            log_odds = of_frames = None
            if calibration is not None:
                log_odds = calibration.window_log_odds(chunks.virus_score, chunks.length)
                # Chunk -1, of frames that were all set aside, is the NaN at the end.
                of_frames = np.append(log_odds, np.nan)[chunk_of_frame]
            scorer.add(chunks, log_odds)
            if finder is not None and log_odds is not None:
                self._write_regions(finder.add(chunks, log_odds), ids, first)
            length = rows.length[frames.record_index - first]
            starts = window_starts(length, frames.chunk, self.window_size)
            self._frame_table.add(frames, ids, first, starts, of_frames)
            scored = select_frames(frames, frames.set_aside == SetAside.EMBEDDED)
            write_lines(self._frame_file, frame_lines(scored, ids, first))
            self._chunk_sorter.add(chunk_lines(chunks, ids, first))
            self.counts.frames += len(frames)
            self.counts.set_aside += len(frames) - len(scored)
            self.counts.partial += int(frames.is_partial.sum())
            self.counts.scored_windows += len(chunks)
            self.counts.scored_bases += int(chunks.length.sum())
            self.counts.covered_bases += int(chunks.covered.sum())
        if finder is not None:
            self._write_regions(finder.finish(), ids, first)
        _check_frame_counts(rows, ids, scorer.n_frames())
        self.scores.put(first, scorer.scores())
        self.counts.windows += int(rows.n_chunks.sum())
        self.counts.unknown_windows += int(rows.n_unknown.sum())
        self.counts.low_complexity_windows += int(rows.n_low_complexity.sum())

    def _write_regions(self, regions: Iterable[Region], ids: list[str], first: int) -> None:
        lines = list(bed_lines(regions, ids, first))
        self.counts.regions += len(lines)
        write_lines(self._region_file, lines)


def write_lines(file: AtomicFile, lines: Iterable[bytes]) -> None:
    """Write ``lines``, many at a time."""
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) == _LINES_PER_WRITE:
            file.write(b"".join(batch))
            batch.clear()
    file.write(b"".join(batch))


def _check_chunks(frames: FrameScores, rows: RecordRows, ids: list[str], first: int) -> None:
    row = frames.record_index - first
    if row[0] < 0:
        raise StoreError("a record number is negative", remedy="classify the shards again")
    impossible = frames.chunk > rows.n_chunks[row]
    if impossible.any():
        at = int(impossible.argmax())
        raise StoreError(
            f"there are scores of chunk {frames.chunk[at]}, "
            f"the record has {rows.n_chunks[row[at]]} chunks",
            where=f"record {ids[row[at]]}",
            remedy="give the record table and the score files of one run",
        )


def _check_frame_counts(rows: RecordRows, ids: list[str], seen: NDArray[np.int64]) -> None:
    wrong = seen != rows.n_frames
    if wrong.any():
        at = int(wrong.argmax())
        raise StoreError(
            f"{seen[at]} of its {rows.n_frames[at]} frames have scores",
            where=f"record {ids[at]}",
            remedy="give the score files of all shards, of the run that made the record table",
        )
