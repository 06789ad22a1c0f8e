"""A look at the first part of a sample: what it holds, and how large a part of the sample it is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from virnucpro_core.errors import InputError
from virnucpro_core.estimating._memory import forget_peak, peak_bytes
from virnucpro_core.sequences import (
    OpenedFiles,
    PrepareSettings,
    ReadFiles,
    RecordBatch,
    prepare_batches,
    read_batches,
)
from virnucpro_core.store import read_shard

__all__ = ["UNKNOWN_ERROR", "Counts", "Look", "choose_samples", "look_at", "size_of"]

MOST_SAMPLES = 20
"""Samples that are looked at; of more, as many spread evenly over the sheet."""

MOST_BASES = 20_000_000
"""Bases after which a look ends, however few records they are."""

_LEAST_BATCHES = 3
"""What is taken ahead by decompressing shows only in the difference of positions."""

UNKNOWN_ERROR = 0.25
"""Relative error of a part that is too short to tell how much its records differ."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Counts:
    """What there is in reads.

    Attributes:
        records: input records.
        bases: their bases.
        windows: windows that they are cut into.
        frames: of the windows.
        nucleotides: bases of the frames.
        residues: amino acids of the frames.
    """

    records: int = 0
    bases: int = 0
    windows: int = 0
    frames: int = 0
    nucleotides: int = 0
    residues: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def scaled(self, factor: float) -> Counts:
        """``factor`` times as many, rounded."""
        return Counts(*(round(factor * value) for value in astuple(self)))


@dataclass(frozen=True, slots=True)
class Look:
    """The prepared first part of a sample.

    Attributes:
        seen: what is in it.
        share: how much of the sample it is, 0 to 1; 1 where the whole sample was read.
        error: by which share ``share`` may be off (two standard errors).
        n_bytes: size of the sample's files.
        seconds: reading and cutting, translating, writing nucleotides, writing proteins.
        memory_bytes: peak of preparing; None where the system does not say.
        shards: the shards that were made.
        records: the record table.
        reads: the part as a file of its own.
    """

    seen: Counts
    share: float
    error: float
    n_bytes: int
    seconds: tuple[float, float, float, float]
    memory_bytes: int | None
    shards: tuple[Path, ...]
    records: Path
    reads: Path


def choose_samples(samples: Sequence[_T], most: int = MOST_SAMPLES) -> list[_T]:
    """At most ``most`` of the samples, evenly spread."""
    if len(samples) <= most:
        return list(samples)
    return [samples[index * len(samples) // most] for index in range(most)]


def size_of(reads: ReadFiles) -> int:
    """Bytes of a sample's files.

    Raises:
        InputError: one is missing or not a file, so that nothing tells how long it is.
    """
    total = 0
    for path in reads.files:
        if not path.exists():
            raise InputError("there is no such file", where=str(path), remedy="check the path")
        if not path.is_file():
            raise InputError(
                "is not a file, so nothing tells how much there is in it",
                where=str(path),
                remedy="give a file",
            )
        total += path.stat().st_size
    return total


def look_at(reads: ReadFiles, folder: Path, settings: PrepareSettings, n_records: int) -> Look:
    """Read about the first ``n_records`` records (whole batches) and prepare them into ``folder``.

    Raises:
        InputError: the reads cannot be read, or `prepare` would refuse them.
        StoreError: a file cannot be written.
    """
    n_bytes = size_of(reads)
    opened = OpenedFiles()
    batches: list[RecordBatch] = []
    bases: list[int] = []
    positions: list[int] = []
    forget_peak()
    started = time.perf_counter()
    is_whole = True
    left = read_batches(reads, opened)
    for batch in left:
        batches.append(batch)
        bases.append(sum(map(len, batch.sequences)))
        positions.append(opened.n_bytes)
        is_enough = len(batches) >= _LEAST_BATCHES and sum(map(len, batches)) >= n_records
        if is_enough or sum(bases) >= MOST_BASES:
            is_whole = next(left, None) is None
            break
    left.close()
    reading = time.perf_counter() - started
    copy = _write(batches, folder / f"{settings.sample}.reads")
    made = prepare_batches(iter(batches), folder, settings)
    share, error = (1.0, 0.0) if is_whole else _share(bases, positions, n_bytes)
    frames = [read_shard(path) for path in made.shards]
    return Look(
        seen=Counts(
            records=made.n_records,
            bases=made.n_bases,
            windows=made.n_chunks,
            frames=made.n_frames,
            nucleotides=sum(len(shard.nucleotides.data) for shard in frames),
            residues=sum(len(shard.proteins.data) for shard in frames),
        ),
        share=share,
        error=error,
        n_bytes=n_bytes,
        seconds=(
            reading + made.chunking_seconds,
            made.translation_seconds,
            made.nucleotide_seconds,
            made.protein_seconds,
        ),
        memory_bytes=peak_bytes(),
        shards=tuple(made.shards),
        records=folder / f"{settings.sample}.records.h5",
        reads=copy,
    )


def _share(bases: Sequence[int], positions: Sequence[int], n_bytes: int) -> tuple[float, float]:
    """How much of the files the batches are, and by which share that may be off.

    Args:
        bases: of each batch.
        positions: bytes taken from the files after each batch, some of them ahead.
        n_bytes: size of the files.
    """
    taken = np.diff(positions)
    # The bytes taken ahead are about the same at every batch: in the difference they are gone.
    bytes_per_base = taken.sum() / max(sum(bases[1:]), 1)
    share = sum(bases) * bytes_per_base / n_bytes
    if not 0 < share < 1:
        return min(positions[-1] / n_bytes, 1.0), UNKNOWN_ERROR
    if len(taken) < _LEAST_BATCHES:
        return share, UNKNOWN_ERROR * (1 - share)
    each = taken / np.maximum(bases[1:], 1)
    deviation = float(each.std(ddof=1) / each.mean())
    # What is not looked at is all that can differ.
    return share, 2 * deviation / len(each) ** 0.5 * (1 - share) ** 0.5


def _write(batches: Sequence[RecordBatch], path: Path) -> Path:
    """The records as FASTA, or FASTQ where they have qualities."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii") as file:
        for batch in batches:
            file.writelines(_lines(batch))
    return path


def _lines(batch: RecordBatch) -> Iterator[str]:
    if batch.qualities is None:
        for name, sequence in zip(batch.names, batch.sequences, strict=True):
            yield f">{name}\n{sequence}\n"
    else:
        for name, sequence, quality in zip(
            batch.names, batch.sequences, batch.qualities, strict=True
        ):
            yield f"@{name}\n{sequence}\n+\n{quality}\n"
