"""The result files of a sample, in one pass over its records, scores and reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._files import AtomicFile
from virnucpro_core.calling._chunks import ChunkScorer, ChunkScores
from virnucpro_core.calling._classic import CHUNK_HEADER, FRAME_HEADER, chunk_lines, frame_lines
from virnucpro_core.calling._line_sorter import LineSorter
from virnucpro_core.calling._record_calls import (
    SEQUENCES_HEADER,
    RecordCalls,
    RecordScorer,
    record_lines,
)
from virnucpro_core.calling._score_files import FrameStream, order_score_files, select_frames
from virnucpro_core.calling._viral_reads import RereadReads, create_gzip, fasta_records
from virnucpro_core.errors import StoreError, UsageError
from virnucpro_core.sequences import ReadFiles
from virnucpro_core.store import RecordRows, RecordTable, SetAside

__all__ = ["RESULT_FILES", "ConsensusSummary", "write_consensus"]

RESULT_FILES = (
    "sequences.tsv",
    "prediction_results.txt",
    "prediction_results_highestscore.csv",
    "viral.fasta.gz",
)
"""Names of the files that `write_consensus` writes."""

_BLOCK_RECORDS = 65_536
_ALL_RECORDS = np.iinfo(np.int64).max
_LINES_PER_WRITE = 8192


@dataclass(frozen=True, slots=True)
class ConsensusSummary:
    """What the result files hold.

    Attributes:
        n_records: input records; the sum of the three numbers below.
        n_virus: records called virus.
        n_non_virus: records called non-virus.
        n_not_scorable: records without a scored frame.
        n_frames: frames, those that were set aside included.
    """

    n_records: int
    n_virus: int
    n_non_virus: int
    n_not_scorable: int
    n_frames: int


def write_consensus(
    records: RecordTable,
    score_paths: Sequence[Path],
    reads: Path | ReadFiles,
    outdir: Path,
    *,
    threshold: float = 0.5,
    block_records: int = _BLOCK_RECORDS,
    sort_lines: int = 500_000,
) -> ConsensusSummary:
    """Write the `RESULT_FILES` of a sample into ``outdir``.

    All four appear when everything was checked, or none does. Their content depends on neither
    the order of ``score_paths`` nor the sizes of shards and blocks. Memory holds one score file,
    one block of records and ``sort_lines`` lines.

    Args:
        records: the record table that the shards were made with.
        score_paths: the score files of all shards, in any order; none when there were no frames.
        reads: the sequence file that was prepared.
        outdir: folder of the results.
        threshold: smallest virus score of a record that is called virus.
        block_records: records taken together.
        sort_lines: lines of the file sorted by id that are held in memory.

    Raises:
        StoreError: a score file is missing, double, damaged, or of another sample, bundle or run,
            or a result cannot be written.
        NumericError: a score is NaN or infinite.
        InputError: ``reads`` is not the file that was prepared.
        UsageError: ``threshold`` is not between 0 and 1.
    """
    if not 0 <= threshold <= 1:
        raise UsageError(f"the threshold is {threshold}", remedy="give one from 0 to 1")
    frames = FrameStream(order_score_files(score_paths, records.sample))
    sequence_path, frame_path, chunk_path, viral_path = (outdir / name for name in RESULT_FILES)
    reread = RereadReads(reads)
    n_virus = n_scored = n_frames = 0
    with ExitStack() as stack:
        sequence_file = stack.enter_context(AtomicFile(sequence_path))
        frame_file = stack.enter_context(AtomicFile(frame_path))
        chunk_file = stack.enter_context(AtomicFile(chunk_path))
        viral_file = stack.enter_context(create_gzip(viral_path))
        sorter = stack.enter_context(LineSorter(outdir, lines_per_run=sort_lines))
        sequence_file.write(SEQUENCES_HEADER)
        frame_file.write(FRAME_HEADER)
        first = 0
        for rows in records.blocks(block_records):
            ids = [name.decode() for name in rows.ids]
            calls = _call_block(frames, rows, ids, first, frame_file, sorter, threshold)
            _write(sequence_file, record_lines(rows, ids, calls))
            row = 0
            for batch in reread.take(ids, rows.length):
                chosen = calls.is_virus[row : row + len(batch)].tolist()
                for record in fasta_records(batch, chosen):
                    viral_file.write(record)
                row += len(batch)
            first += len(rows)
            n_virus += int(calls.is_virus.sum())
            n_scored += int(calls.is_scored.sum())
            n_frames += int(rows.n_frames.sum())
        for rest in frames.before(_ALL_RECORDS):
            raise StoreError(
                f"there are scores of record {rest.record_index[0] + 1}, the table ends before",
                where=str(records.path),
                remedy="give the record table and the score files of one run",
            )
        reread.expect_end()
        chunk_file.write(CHUNK_HEADER)
        _write(chunk_file, sorter.sorted_lines())
    return ConsensusSummary(
        n_records=first,
        n_virus=n_virus,
        n_non_virus=n_scored - n_virus,
        n_not_scorable=first - n_scored,
        n_frames=n_frames,
    )


def _call_block(
    frames: FrameStream,
    rows: RecordRows,
    ids: list[str],
    first: int,
    frame_file: AtomicFile,
    sorter: LineSorter,
    threshold: float,
) -> RecordCalls:
    """Call the records ``rows``, numbers ``first`` on, and write their frames and chunks."""
    chunk_scorer, record_scorer = ChunkScorer(), RecordScorer(first, len(rows))

    def take(chunks: ChunkScores) -> None:
        record_scorer.add(chunks)
        sorter.add(chunk_lines(chunks, ids, first))

    for piece in frames.before(first + len(rows)):
        row = piece.record_index - first
        if row[0] < 0:
            raise StoreError("a record number is negative", remedy="classify the shards again")
        impossible = piece.chunk > rows.n_chunks[row]
        if impossible.any():
            at = int(impossible.argmax())
            raise StoreError(
                f"there are scores of chunk {piece.chunk[at]}, "
                f"the record has {rows.n_chunks[row[at]]} chunks",
                where=f"record {ids[row[at]]}",
                remedy="give the record table and the score files of one run",
            )
        record_scorer.count(piece)
        scored = select_frames(piece, piece.set_aside == SetAside.EMBEDDED)
        _write(frame_file, frame_lines(scored, ids, first))
        take(chunk_scorer.add(scored))
    take(chunk_scorer.finish())
    _check_frame_counts(rows, ids, record_scorer.n_frames())
    return record_scorer.calls(threshold)


def _check_frame_counts(rows: RecordRows, ids: list[str], seen: NDArray[np.int64]) -> None:
    wrong = seen != rows.n_frames
    if wrong.any():
        at = int(wrong.argmax())
        raise StoreError(
            f"{seen[at]} of its {rows.n_frames[at]} frames have scores",
            where=f"record {ids[at]}",
            remedy="give the score files of all shards, of the run that made the record table",
        )


def _write(file: AtomicFile, lines: Iterable[bytes]) -> None:
    batch: list[bytes] = []
    for line in lines:
        batch.append(line)
        if len(batch) == _LINES_PER_WRITE:
            file.write(b"".join(batch))
            batch.clear()
    file.write(b"".join(batch))
