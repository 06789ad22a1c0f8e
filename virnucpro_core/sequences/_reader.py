"""Reading FASTA, FASTQ, BAM, CRAM and SAM, a batch of records at a time."""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import repeat, zip_longest
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

import dnaio
from xopen import xopen

from virnucpro_core.errors import InputError
from virnucpro_core.sequences._alignments import alignment_records
from virnucpro_core.sequences._formats import (
    BYTE_ORDER_MARK,
    WithoutBlankEnd,
    check_alignment_compression,
    detect_format,
    skip_blank_lines,
)
from virnucpro_core.sequences._opened import OpenedFiles
from virnucpro_core.sequences._records import ReadFiles, RecordBatch

__all__ = ["BATCH_BASES", "BATCH_RECORDS", "read_batches"]

BATCH_BASES = 1 << 20
BATCH_RECORDS = 1 << 14
"""A batch ends with the record that reaches either bound, so memory does not grow with the file."""

_MESSAGE_LETTERS = 130
_TO_ASCII = "rename the record or mend its sequence"

_FIRST_MATE = ("/1", ".1", "_1", ":1")
"""Ends of an id that names the first mate; that of the second has a 2."""

_Numbered: TypeAlias = tuple[dnaio.SequenceRecord, int]
"""A record with the number that an alignment file has for a mate: 1 or 2; 0 for one without."""


def read_batches(
    reads: Path | ReadFiles, opened: OpenedFiles | None = None
) -> Generator[RecordBatch, None, None]:
    """Read the records of a sample: FASTA or FASTQ, plain or compressed with gzip, bzip2, xz or
    zstd; BAM, CRAM or SAM.

    The format is taken from the content, not from the name. An empty file has no records. Mates
    of paired files take turns. They have the same id, which gets ``/1`` and ``/2`` behind it, or
    ids that end in 1 and 2 after ``/``, ``.``, ``_`` or ``:``. ``opened`` counts what was taken
    from the files.

    Raises:
        InputError: a file is missing, truncated or malformed, or two files of mates do not belong
            together; says where.
    """
    files = ReadFiles((reads,)) if isinstance(reads, Path) else reads
    opened = opened or OpenedFiles()
    first = 0
    with_qualities: bool | None = None
    for lane in files.lanes():
        records = _single(lane[0], opened) if len(lane) == 1 else _pairs(lane[0], lane[1], opened)
        for batch in _batches(records, lane, first):
            if with_qualities is None and any(batch.sequences):
                with_qualities = batch.qualities is not None
            if any(batch.sequences) and with_qualities != (batch.qualities is not None):
                raise InputError(
                    f"has {'no ' if with_qualities else ''}base qualities, unlike the sample's "
                    "files before it",
                    where=str(lane[0]),
                    remedy="give a sample's files in one format",
                )
            yield batch
            first += len(batch)


def _batches(
    records: Iterator[dnaio.SequenceRecord], files: tuple[Path, ...], first: int
) -> Iterator[RecordBatch]:
    at = 0
    while True:
        names: list[str] = []
        sequences: list[str] = []
        qualities: list[str | None] = []
        bases = 0
        for record in records:
            names.append(record.name)
            sequences.append(record.sequence)
            qualities.append(record.qualities)
            bases += len(record.sequence)
            if bases >= BATCH_BASES or len(names) >= BATCH_RECORDS:
                break
        if not names:
            return
        batch = RecordBatch(
            first=first + at,
            ids=[],
            names=names,
            sequences=sequences,
            qualities=None if None in qualities else cast("list[str]", qualities),
            files=files,
            first_in_files=at,
        )
        batch.ids.extend(_ids(batch))
        yield batch
        at += len(batch)


def _single(path: Path, opened: OpenedFiles) -> Iterator[dnaio.SequenceRecord]:
    """The records of a file that is not one of a pair."""
    return (record for record, _ in _records(path, opened))


def _records(path: Path, opened: OpenedFiles) -> Iterator[_Numbered]:
    """The records of one file."""
    with _readable(path), opened.open(path) as file, xopen(file, "rb", threads=0) as raw:
        stream = io.BufferedReader(cast(io.RawIOBase, raw))
        n_blank_lines = skip_blank_lines(stream)
        file_format = detect_format(path, stream)
        if file_format == "alignments":
            file.seek(0)
            check_alignment_compression(path, file)
            yield from alignment_records(path, file)
        elif file_format is not None:
            text = WithoutBlankEnd(stream) if file_format == "fastq" else stream
            try:
                with dnaio.open(cast("BinaryIO", text), fileformat=file_format) as reader:
                    yield from zip(reader, repeat(0))
            except dnaio.FileFormatError as error:
                if error.line is not None:
                    error.line += n_blank_lines
                raise


def _pairs(first: Path, second: Path, opened: OpenedFiles) -> Iterator[dnaio.SequenceRecord]:
    """The records of two files of mates in turn."""
    pairs = zip_longest(_records(first, opened), _records(second, opened))
    for number, (one, two) in enumerate(pairs, start=1):
        if one is None or two is None:
            shorter, longer = (first, second) if one is None else (second, first)
            raise InputError(
                f"ends after {number - 1} records, its mates in {longer} go on",
                where=str(shorter),
                remedy="give both files of the pair, whole",
            )
        yield from _mates(one, two, f"{first}, record {number}", f"{second}, record {number}")


def _mates(
    one: _Numbered, two: _Numbered, where_one: str, where_two: str
) -> tuple[dnaio.SequenceRecord, dnaio.SequenceRecord]:
    (first, first_mate), (second, second_mate) = one, two
    if first_mate or second_mate:
        raise InputError(
            "is one of the mates of an alignment file, which holds both",
            where=where_one if first_mate else where_two,
            remedy="name the file alone, not as one of a pair",
        )
    first_id, second_id = (" ".join(r.name.split(None, 1)[:1]) for r in (first, second))
    if first_id == second_id:
        if first_id:  # one without a name is refused with all the others
            first.name = first.name.replace(first_id, f"{first_id}/1", 1)
            second.name = second.name.replace(second_id, f"{second_id}/2", 1)
    elif not (first_id.endswith(_FIRST_MATE) and second_id == f"{first_id[:-1]}2"):
        raise InputError(
            f"is {second_id or 'without a name'}, its mate in the other file is {first_id}",
            where=where_two,
            remedy="give both files of the pair, their records in the same order",
        )
    return first, second


def _ids(batch: RecordBatch) -> list[str]:
    try:
        return [name.split(None, 1)[0] for name in batch.names]
    except IndexError:
        row = next(i for i, name in enumerate(batch.names) if not name.strip())
        raise InputError(
            "has no name in its header", where=batch.place(row), remedy="give it one"
        ) from None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn everything that can go wrong while reading ``path`` into an `InputError`."""
    where = str(path)
    try:
        yield
    except FileNotFoundError:
        raise InputError("does not exist", where=where, remedy="check the path") from None
    except IsADirectoryError:
        raise InputError("is a directory", where=where, remedy="name a file in it") from None
    except dnaio.FileFormatError as error:
        if "ASCII" in error.message:
            raise _undecodable(path) from error
        if error.line is not None:
            where = f"{path}, line {error.line + 1}"
        message = error.message.rstrip(".")
        if len(message) > _MESSAGE_LETTERS:  # it quotes the record
            message = f"{message[:_MESSAGE_LETTERS]} ..."
        raise InputError(message, where=where, remedy=f"mend this {error.format} record") from error
    except UnicodeError as error:
        raise _undecodable(path) from error
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(
            f"the compressed data end too early or are damaged ({error})",
            where=where,
            remedy="copy or compress the file again",
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error})", where=where) from error


def _undecodable(path: Path) -> InputError:
    """Name the line that stopped the reader; it is looked for only now, once it is known."""
    if not path.is_file():  # what came out of a pipe cannot be read again
        return InputError("has characters outside ASCII", where=str(path), remedy=_TO_ASCII)
    with xopen(path, "rb", threads=0) as file:
        for number, line in enumerate(file, start=1):
            if not line.removeprefix(BYTE_ORDER_MARK).isascii():
                return InputError(
                    f"has characters outside ASCII: {line.strip()[:60]!r}",
                    where=f"{path}, line {number}",
                    remedy=_TO_ASCII,
                )
    return InputError("has characters outside ASCII", where=str(path), remedy=_TO_ASCII)
