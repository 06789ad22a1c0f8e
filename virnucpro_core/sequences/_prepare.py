"""From a sequence file to shards of frames and a record table, in one streaming pass."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core._progress import progress
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences._duplicates import DuplicateFinder
from virnucpro_core.sequences._frames import Stretch, find_frames
from virnucpro_core.sequences._information import window_information
from virnucpro_core.sequences._opened import OpenedFiles
from virnucpro_core.sequences._reader import read_batches
from virnucpro_core.sequences._records import ReadFiles, RecordBatch
from virnucpro_core.sequences._sharding import FrameBlock, ShardBuilder
from virnucpro_core.sequences._windows import Windows, cut_windows
from virnucpro_core.store import (
    ByteStrings,
    FrameShard,
    Information,
    RecordRows,
    RecordTable,
    create_record_table,
    write_shard,
)

__all__ = [
    "PrepareSettings",
    "PrepareSummary",
    "check_sample_name",
    "prepare",
    "prepare_batches",
    "refuse_duplicates",
]

STRETCH_BASES = 1 << 18
"""Bases translated at once: few enough to stay in the caches; a long record goes through in
stretches of about this size."""


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """How to cut and shard.

    Attributes:
        sample: name of the sample, part of every file name.
        window_size: in bases; the size that the classifier was trained on.
        shard_frames: frames in a shard.
        frame_rule: which frames a window has; that of the classifier.
    """

    sample: str
    window_size: int
    shard_frames: int
    frame_rule: FrameRule = "complete"

    def __post_init__(self) -> None:
        if self.window_size < 3:
            raise UsageError(
                f"window size {self.window_size} is shorter than a codon",
                remedy="use the size that the model was trained on",
            )
        if self.shard_frames < 1:
            raise UsageError(f"shard size {self.shard_frames} is not a positive number")
        check_sample_name(self.sample)


def check_sample_name(name: str) -> None:
    """Refuse a sample name that cannot be part of a file name, or of a link to one.

    Raises:
        UsageError: it is such a name.
    """
    if not name or set(name) & set("/\\:\0\n\t"):
        raise UsageError(
            f"sample name {name!r} cannot be part of a file name",
            remedy="use letters, digits, '_', '.' and '-'",
        )


@dataclass(slots=True)
class PrepareSummary:
    """What `prepare` found and made, with the seconds that each of its four stages took.

    Attributes:
        n_uninformative: of the ``n_chunks`` windows, those with too little information for a frame.
        n_partial: of the ``n_frames`` frames, those that are partial.
        warnings, notes: as of `OpenedFiles`.
    """

    n_records: int = 0
    n_bases: int = 0
    n_chunks: int = 0
    n_uninformative: int = 0
    n_frames: int = 0
    n_partial: int = 0
    shards: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chunking_seconds: float = 0.0
    translation_seconds: float = 0.0
    nucleotide_seconds: float = 0.0
    protein_seconds: float = 0.0


def prepare(reads: Path | ReadFiles, outdir: Path, settings: PrepareSettings) -> PrepareSummary:
    """Write ``<outdir>/shards/<sample>.shard_00001.h5`` … and ``<outdir>/<sample>.records.h5``.

    A record that yields no frame has its row in the record table all the same; a window without
    information (`window_information`) yields none. Memory is bounded by the batch size, the shard
    size and the longest record.

    Raises:
        InputError: the file cannot be read, a record holds something that is no nucleotide, or an
            id occurs twice.
        StoreError: a file cannot be written.
    """
    opened = OpenedFiles()
    summary = prepare_batches(read_batches(reads, opened), outdir, settings)
    summary.warnings, summary.notes = opened.warnings, opened.notes
    return summary


def prepare_batches(
    batches: Iterator[RecordBatch], outdir: Path, settings: PrepareSettings
) -> PrepareSummary:
    """`prepare` for records that something else reads."""
    summary = PrepareSummary()
    table_path = outdir / f"{settings.sample}.records.h5"
    builder = ShardBuilder(
        settings.sample, settings.window_size, settings.shard_frames, settings.frame_rule
    )
    with (
        DuplicateFinder() as finder,
        progress(None, settings.sample, "records") as advance,
    ):
        with create_record_table(
            table_path,
            sample=settings.sample,
            window_size=settings.window_size,
            frame_rule=settings.frame_rule,
        ) as table:
            for batch in _timed(batches, summary):
                finder.add(batch)
                started = time.perf_counter()
                letters = "".join(batch.sequences).encode("ascii")
                lengths = np.fromiter(map(len, batch.sequences), np.int64, count=len(batch))
                windows = cut_windows(lengths, settings.window_size)
                summary.chunking_seconds += time.perf_counter() - started
                n_frames = np.zeros(len(batch), dtype=np.int64)
                information = np.empty(len(windows), dtype=np.uint8)
                for block in _blocks(
                    batch, letters, lengths, windows, information, settings.frame_rule, summary
                ):
                    n_frames += np.bincount(block.record_index - batch.first, minlength=len(batch))
                    for shard in builder.add(block):
                        _write(shard, outdir, summary)
                table.append(_rows(batch, lengths, windows, information, n_frames))
                summary.n_records += len(batch)
                summary.n_bases += int(lengths.sum())
                summary.n_chunks += len(windows)
                summary.n_uninformative += int(np.count_nonzero(information))
                summary.n_frames += int(n_frames.sum())
                advance(summary.n_records)
            for shard in builder.finish():
                _write(shard, outdir, summary)
        refuse_duplicates(finder, RecordTable.open(table_path))
    return summary


def _blocks(
    batch: RecordBatch,
    letters: bytes,
    lengths: NDArray[np.int64],
    windows: Windows,
    information: NDArray[np.uint8],
    frame_rule: FrameRule,
    summary: PrepareSummary,
) -> Iterator[FrameBlock]:
    """Frames of the windows of a batch, in blocks of about `STRETCH_BASES`.

    Args:
        information: uint8 [W], filled with the `Information` of each window.

    Raises (while the blocks are drawn):
        InputError: a record holds something that is no nucleotide.
    """
    record_start = np.cumsum(lengths) - lengths
    start = record_start[windows.record] + windows.start
    end = start + windows.length
    ids = np.array(batch.ids, dtype=np.object_)
    first = 0
    while first < len(windows):
        # Ends grow with the windows, so this finds as many whole windows as a stretch holds.
        limit = start[first] + max(STRETCH_BASES, int(windows.length[first]))
        stop = int(np.searchsorted(end, limit, side="right"))
        mine = slice(first, stop)
        origin = int(start[first])
        started = time.perf_counter()
        stretch = Stretch.of(letters[origin : int(end[stop - 1])])
        bad = stretch.first_bad_letter()
        if bad is not None:
            raise _not_a_nucleotide(batch, record_start, origin + bad, stretch.letters[bad])
        within, length = start[mine] - origin, windows.length[mine].astype(np.int64)
        information[mine] = window_information(stretch, within, length)
        informative = np.flatnonzero(information[mine] == Information.ENOUGH)
        kept = find_frames(stretch, within[informative], length[informative], frame_rule)
        nucleotides, proteins = kept.sequences(stretch)
        summary.n_partial += kept.n_partial
        summary.translation_seconds += time.perf_counter() - started

        window = informative[kept.window] + first
        record = windows.record[window]
        yield FrameBlock(
            record_index=record + batch.first,
            record_id=ids[record],
            chunk=windows.chunk[window],
            chunk_length=windows.length[window],
            frame=kept.frame,
            nucleotides=nucleotides,
            proteins=proteins,
            first_codon=kept.first_codon.astype(np.int32),
        )
        first = stop


def _timed(batches: Iterator[RecordBatch], summary: PrepareSummary) -> Iterator[RecordBatch]:
    while True:
        started = time.perf_counter()
        batch = next(batches, None)
        summary.chunking_seconds += time.perf_counter() - started
        if batch is None:
            return
        yield batch


def _rows(
    batch: RecordBatch,
    lengths: NDArray[np.int64],
    windows: Windows,
    information: NDArray[np.uint8],
    n_frames: NDArray[np.int64],
) -> RecordRows:
    n = len(batch) * len(Information)
    counts = np.bincount(windows.record * len(Information) + information, minlength=n)
    by_information: NDArray[np.int32] = counts.astype(np.int32).reshape(-1, len(Information))
    return RecordRows(
        ids=ByteStrings.from_iterable(name.encode() for name in batch.ids),
        length=lengths,
        n_chunks=by_information.sum(axis=1, dtype=np.int32),
        n_unknown=by_information[:, Information.UNKNOWN_BASES],
        n_low_complexity=by_information[:, Information.LOW_COMPLEXITY],
        n_frames=n_frames.astype(np.int32),
    )


def _write(shard: FrameShard, outdir: Path, summary: PrepareSummary) -> None:
    path = outdir / "shards" / f"{shard.sample}.shard_{shard.index:05d}.h5"
    started = time.perf_counter()
    write_shard(shard, path)
    seconds = time.perf_counter() - started
    # One file holds both kinds of sequence: its time is shared out by their bytes.
    share = len(shard.nucleotides.data) / (len(shard.nucleotides.data) + len(shard.proteins.data))
    summary.nucleotide_seconds += seconds * share
    summary.protein_seconds += seconds * (1 - share)
    summary.shards.append(path)


def _not_a_nucleotide(
    batch: RecordBatch, record_start: NDArray[np.int64], position: int, letter: int
) -> InputError:
    row = int(np.searchsorted(record_start, position, side="right")) - 1
    # Empty records share their start with the record behind them; the last of those has the base.
    base = position - int(record_start[row]) + 1
    character = chr(letter)
    if character in "-.":
        remedy = "remove the gaps of the alignment first"
    elif character.isalpha() or character == "*":
        remedy = "give nucleotides, not proteins; write masked bases as N"
    else:
        remedy = "give nucleotides only (A, C, G, T, U and IUPAC letters)"
    return InputError(
        f"has {character!r} at base {base}, which is not a nucleotide",
        where=f"{batch.place(row)} ({batch.ids[row]})",
        remedy=remedy,
    )


def refuse_duplicates(finder: DuplicateFinder, table: RecordTable) -> None:
    """Refuse a sample in which an id occurs twice.

    Raises:
        InputError: one does.
    """
    ids = ((name.decode() for name in rows.ids) for rows in table.blocks())
    for error in finder.errors(ids):
        raise error
