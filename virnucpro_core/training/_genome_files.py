"""Reading one genome from a FASTA or GenBank file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import clean_sequences, read_batches
from virnucpro_core.training._coding import CodingSegments
from virnucpro_core.training._genbank import is_genbank, read_genbank

__all__ = ["GenomeFile", "genome_name", "read_genome"]

_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
_FORMATS = (".fasta", ".fa", ".fna", ".ffn", ".fas", ".gbff", ".gbk", ".genbank", ".gb")


@dataclass(frozen=True, slots=True)
class GenomeFile:
    """The ``R`` records of a genome, end to end with an N between them.

    Attributes:
        letters: uint8, upper case.
        start, length: int64 [R], where the records lie in ``letters``.
        sha256: digest (hex) of ``letters``.
        coding: annotated coding sequences; None where the file has no annotation.
        translation_tables: genetic codes that the annotation names.
    """

    letters: NDArray[np.uint8]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    sha256: str
    coding: CodingSegments | None
    translation_tables: tuple[int, ...]


def genome_name(path: Path) -> str:
    """File name without the endings of its compression and its format."""
    name = path.name
    for endings in (_COMPRESSIONS, _FORMATS):
        name = next((name[: -len(e)] for e in endings if name.lower().endswith(e)), name)
    return name


def read_genome(path: Path) -> GenomeFile:
    """Read a genome; the format is taken from the content. Memory holds the genome.

    Raises:
        InputError: the file is missing, damaged or empty, or has something else than nucleotides.
        UsageError: it is a GenBank file and Biopython is not installed.
    """
    try:
        annotated = is_genbank(path)
    except (OSError, InputError):
        annotated = False  # the reader of FASTA says what is wrong
    rows: list[tuple[int, int, bool, int]] = []
    tables: set[int] = set()
    parts: list[NDArray[np.uint8]] = []
    lengths: list[int] = []
    end = 0
    if annotated:
        for number, record in enumerate(read_genbank(path)):
            rows += [(a + end, b + end, r, (c + end) % 3) for a, b, r, c in record.coding]
            tables |= record.translation_tables
            parts.append(_clean([record.sequence], [record.id], path, number))
            lengths.append(len(parts[-1]))
            end += lengths[-1] + 1
    else:
        for part in _fasta(path):
            parts.append(part)
            lengths.append(len(part))
    if not sum(lengths):
        raise InputError("holds no sequence", where=str(path), remedy="leave it out or mend it")
    letters = _join(parts)
    length = np.array(lengths, dtype=np.int64)
    return GenomeFile(
        letters=letters,
        start=np.cumsum(length + 1) - length - 1,
        length=length,
        sha256=hashlib.sha256(letters.tobytes()).hexdigest(),
        coding=CodingSegments.from_rows(rows) if rows else None,
        translation_tables=tuple(sorted(tables)),
    )


def _fasta(path: Path) -> Iterator[NDArray[np.uint8]]:
    for batch in read_batches(path, is_sample=False):
        for row, sequence in enumerate(batch.sequences):
            yield _clean([sequence], [batch.ids[row]], path, batch.first + row)


def _clean(sequences: list[str], ids: list[str], path: Path, first: int) -> NDArray[np.uint8]:
    return clean_sequences(sequences, ids, "dna", source=str(path), first=first).data


def _join(parts: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    gap = np.frombuffer(b"N", dtype=np.uint8)
    return np.concatenate([piece for part in parts for piece in (part, gap)][:-1])
