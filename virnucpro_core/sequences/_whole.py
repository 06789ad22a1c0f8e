"""Whole sequences to shards: what is embedded as it stands, without windows and frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import UsageError
from virnucpro_core.sequences._duplicates import DuplicateFinder
from virnucpro_core.sequences._molecules import clean_sequences
from virnucpro_core.sequences._opened import OpenedFiles
from virnucpro_core.sequences._prepare import check_sample_name, refuse_duplicates
from virnucpro_core.sequences._reader import read_batches
from virnucpro_core.sequences._records import ReadFiles, RecordBatch
from virnucpro_core.sequences._sharding import FrameBlock, ShardBuilder
from virnucpro_core.store import (
    WHOLE_RECORDS,
    ByteStrings,
    FrameShard,
    RecordRows,
    RecordTable,
    create_record_table,
    write_shard,
)

__all__ = ["WholeSettings", "WholeSummary", "shard_whole"]


@dataclass(frozen=True, slots=True)
class WholeSettings:
    """How to shard whole sequences.

    Attributes:
        sample: name of the sample, part of every file name.
        molecule: ``"dna"`` or ``"protein"``.
        shard_frames: sequences in a shard.
    """

    sample: str
    molecule: str
    shard_frames: int

    def __post_init__(self) -> None:
        check_sample_name(self.sample)
        if self.shard_frames < 1:
            raise UsageError(f"shard size {self.shard_frames} is not a positive number")


@dataclass(slots=True)
class WholeSummary:
    """What `shard_whole` found and made.

    Attributes:
        n_records: records of the input.
        n_empty: those of them without a letter, which are in no shard.
        shards: files, at least one.
        warnings, notes: as of `OpenedFiles`.
        seconds: wall time.
    """

    n_records: int = 0
    n_empty: int = 0
    shards: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def shard_whole(reads: Path | ReadFiles, outdir: Path, settings: WholeSettings) -> WholeSummary:
    """Write ``<outdir>/shards/<sample>.shard_00001.h5`` … and ``<outdir>/<sample>.records.h5``.

    An empty record has its row in the record table (with no frame) and is in no shard. There is
    always a first shard, be it empty, so that what follows knows what it works for.

    Raises:
        InputError: the file cannot be read, a letter is not one of the molecule's, or an id occurs
            twice.
        UsageError: there is no such molecule.
        StoreError: a file cannot be written.
    """
    started = time.perf_counter()
    summary = WholeSummary()
    opened = OpenedFiles()
    table_path = outdir / f"{settings.sample}.records.h5"
    builder = ShardBuilder(settings.sample, WHOLE_RECORDS, settings.shard_frames)
    with DuplicateFinder() as finder:
        with create_record_table(table_path, sample=settings.sample) as table:
            for batch in read_batches(reads, opened, is_sample=settings.molecule == "dna"):
                finder.add(batch)
                strings = clean_sequences(
                    batch.sequences,
                    batch.ids,
                    settings.molecule,
                    source=str(reads) if len(batch.files) > 1 else str(batch.files[0]),
                    first=batch.first if len(batch.files) > 1 else batch.first_in_files,
                )
                has_letters = strings.lengths > 0
                for shard in builder.add(_block(batch, strings, has_letters, settings.molecule)):
                    _write(shard, outdir, summary)
                table.append(_rows(batch, strings, has_letters))
                summary.n_records += len(batch)
                summary.n_empty += int(np.count_nonzero(~has_letters))
            for shard in _rest(builder, summary, settings):
                _write(shard, outdir, summary)
        refuse_duplicates(finder, RecordTable.open(table_path))
    summary.warnings, summary.notes = opened.warnings, opened.notes
    summary.seconds = time.perf_counter() - started
    return summary


def _rest(
    builder: ShardBuilder, summary: WholeSummary, settings: WholeSettings
) -> Iterator[FrameShard]:
    yield from builder.finish()
    if not summary.shards:
        yield _empty_shard(settings.sample)


def _block(
    batch: RecordBatch, strings: ByteStrings, has_letters: NDArray[np.bool_], molecule: str
) -> FrameBlock:
    rows = np.flatnonzero(has_letters)
    lengths = strings.lengths[rows]
    # Empty strings have no bytes, so those of the others already lie end to end.
    kept = ByteStrings.from_lengths(strings.data, lengths)
    absent = ByteStrings.from_lengths(strings.data[:0], np.zeros(len(rows), dtype=np.int64))
    return FrameBlock(
        record_index=rows + batch.first,
        record_id=np.array(batch.ids, dtype=np.object_)[rows],
        chunk=np.ones(len(rows), dtype=np.int32),
        chunk_length=lengths.astype(np.int32),
        frame=np.zeros(len(rows), dtype=np.uint8),
        nucleotides=kept if molecule == "dna" else absent,
        proteins=kept if molecule == "protein" else absent,
        first_codon=np.zeros(len(rows), dtype=np.int32),
    )


def _rows(batch: RecordBatch, strings: ByteStrings, has_letters: NDArray[np.bool_]) -> RecordRows:
    one_or_none, none = has_letters.astype(np.int32), np.zeros(len(batch), dtype=np.int32)
    return RecordRows(
        ids=ByteStrings.from_iterable(name.encode() for name in batch.ids),
        length=strings.lengths,
        n_chunks=one_or_none,
        n_unknown=none,
        n_low_complexity=none,
        n_frames=one_or_none,
    )


def _empty_shard(sample: str) -> FrameShard:
    nothing = ByteStrings.from_iterable([])
    return FrameShard(
        sample=sample,
        index=1,
        window_size=WHOLE_RECORDS,
        record_index=np.empty(0, dtype=np.int64),
        record_ids=nothing,
        record_row=np.empty(0, dtype=np.int32),
        chunk=np.empty(0, dtype=np.int32),
        chunk_length=np.empty(0, dtype=np.int32),
        frame=np.empty(0, dtype=np.uint8),
        nucleotides=nothing,
        proteins=nothing,
    )


def _write(shard: FrameShard, outdir: Path, summary: WholeSummary) -> None:
    path = outdir / "shards" / f"{shard.sample}.shard_{shard.index:05d}.h5"
    write_shard(shard, path)
    summary.shards.append(path)
