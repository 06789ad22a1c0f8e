"""Reading GenBank files with Biopython: sequences and their annotated coding sequences."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import open_decompressed
from virnucpro_core.training._extras import import_extra

__all__ = ["GenBankRecord", "is_genbank", "read_genbank"]

# What a coding sequence says of itself when its letters do not tell its protein.
_NOT_AS_WRITTEN = ("pseudo", "pseudogene", "transl_except", "exception")


@dataclass(frozen=True, slots=True)
class GenBankRecord:
    """A record of a GenBank file.

    Attributes:
        id: accession with its version.
        sequence: as in the file, upper case.
        coding: rows ``(start, end, is_reverse, anchor)`` of `CodingSegments`, in the record.
        translation_tables: NCBI's numbers of the genetic codes of its coding sequences.
    """

    id: str
    sequence: str
    coding: list[tuple[int, int, bool, int]]
    translation_tables: set[int]


def is_genbank(path: Path) -> bool:
    """Whether the file, plain or compressed, starts as GenBank files do.

    Raises:
        OSError: it cannot be opened.
        InputError: it cannot be decompressed.
    """
    with open_decompressed(path) as file:
        return file.read(1 << 12).lstrip().startswith(b"LOCUS ")


def read_genbank(path: Path) -> Iterator[GenBankRecord]:
    """Read the records of a GenBank file, plain or compressed.

    Of each CDS the parts of its join are given apart, with the phase that they continue in. Left
    out are pseudogenes, those with ``transl_except`` or ``exception``, and parts that lie in
    another record or whose ends are not known.

    Raises:
        InputError: a record is damaged, has no sequence, or is a protein's.
        UsageError: Biopython is not installed.
    """
    seq_io = import_extra("Bio.SeqIO")
    parser_warning = import_extra("Bio").BiopythonParserWarning
    number = 0
    try:
        with open_decompressed(path) as raw, io.TextIOWrapper(raw, encoding="utf-8") as file:
            records = seq_io.parse(file, "genbank")
            while True:
                with warnings.catch_warnings():
                    # Biopython only warns of a record that ends before its length. Files of other
                    # programs have many small faults that do not matter here.
                    warnings.filterwarnings("ignore", category=parser_warning)
                    warnings.filterwarnings(
                        "error", "Expected sequence length", category=parser_warning
                    )
                    record = next(records, None)
                if record is None:
                    return
                number += 1
                yield _record(record, f"{path}, record {number} ({record.id})")
    except (ValueError, parser_warning, OSError) as error:
        raise InputError(
            f"cannot be read as GenBank ({error})",
            where=f"{path}, record {number + 1}",
            remedy="download it again",
        ) from error


def _record(record: Any, where: str) -> GenBankRecord:
    if "protein" in str(record.annotations.get("molecule_type", "")).lower():
        raise InputError("is a protein", where=where, remedy="give the record of its nucleotides")
    try:
        sequence = str(record.seq).upper()
    except import_extra("Bio.Seq").UndefinedSequenceError:
        sequence = ""
    if not sequence:
        raise InputError(
            "has no sequence",
            where=where,
            remedy="download it as 'GenBank (full)' (rettype gbwithparts)",
        )
    rows: list[tuple[int, int, bool, int]] = []
    tables: set[int] = set()
    for feature in record.features:
        if feature.type == "CDS" and feature.location is not None:
            if any(key in feature.qualifiers for key in _NOT_AS_WRITTEN):
                continue
            rows.extend(_segments(feature, len(sequence)))
            tables.add(int(feature.qualifiers.get("transl_table", ["1"])[0]))
    return GenBankRecord(record.id, sequence, rows, tables)


def _segments(feature: Any, n_bases: int) -> Iterator[tuple[int, int, bool, int]]:
    """The parts of a CDS, with the phase of each."""
    before_first_codon = int(feature.qualifiers.get("codon_start", ["1"])[0]) - 1
    read = 0
    for part in feature.location.parts:
        try:
            start, end = int(part.start), int(part.end)
        except TypeError:  # a position that the record does not know
            return
        # The bases of this part that still belong to the codon before, or are before the first.
        rest = (before_first_codon - read) % 3
        read += end - start
        if part.ref is None and 0 <= start < end <= n_bases:
            is_reverse = part.strand == -1
            anchor = (end - rest) % 3 if is_reverse else (start + rest) % 3
            yield start, end, is_reverse, anchor
