"""Reading FASTA, FASTQ, BAM, CRAM and SAM, a batch of records at a time."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import BinaryIO, cast

import dnaio

from virnucpro_core.errors import InputError
from virnucpro_core.sequences._alignments import alignment_records, sam_records
from virnucpro_core.sequences._decompressed import Decompressed, open_decompressed
from virnucpro_core.sequences._formats import (
    BYTE_ORDER_MARK,
    check_alignment_compression,
    detect_format,
    skip_to_first_record,
)
from virnucpro_core.sequences._opened import OpenedFiles
from virnucpro_core.sequences._pairs import NumberedRecord, mates_in_turn, mates_of_two_files
from virnucpro_core.sequences._records import ReadFiles, RecordBatch
from virnucpro_core.sequences._text import CheckedText

__all__ = ["BATCH_BASES", "BATCH_RECORDS", "read_batches"]

BATCH_BASES = 1 << 20
BATCH_RECORDS = 1 << 14
"""A batch ends with the record that reaches either bound, so memory does not grow with the file."""

_BUFFER_BYTES = 1 << 17
_MESSAGE_LETTERS = 130
_TO_ASCII = "rename the record or mend its sequence"
_QUALITIES = bytes(range(ord("!"), ord("~") + 1))


def read_batches(
    reads: Path | ReadFiles, opened: OpenedFiles | None = None, *, is_sample: bool = True
) -> Generator[RecordBatch, None, None]:
    """Read the records of a sample: FASTA, FASTQ or SAM, plain or compressed with gzip, bzip2, xz
    or zstd; BAM or CRAM.

    The format is taken from the content, not from the name. An empty file has no records. Mates
    of paired files take turns. They have the same id, which gets ``/1`` and ``/2`` behind it, or
    ids that end in 1 and 2 after ``/``, ``.``, ``_`` or ``:``. So do the mates of a file that has
    both of each pair in turn, with one id. ``opened`` counts what was taken from the files, and
    has what was noticed once they are read.

    Args:
        reads: the files.
        opened: the same, while they are read.
        is_sample: whether they are reads, which can be mates; else no id is changed.

    Raises:
        InputError: a file is missing, truncated or malformed, two files of mates do not belong
            together, or two begin with one id; says where.
    """
    files = ReadFiles((reads,)) if isinstance(reads, Path) else reads
    opened = opened or OpenedFiles()
    first = 0
    with_qualities: bool | None = None
    begun: dict[str, RecordBatch] = {}
    for lane in files.lanes():
        for batch in _batches(_lane(lane, opened, is_sample=is_sample), lane, first):
            if with_qualities is None and any(batch.sequences):
                with_qualities = batch.qualities is not None
            if any(batch.sequences) and with_qualities != (batch.qualities is not None):
                raise InputError(
                    f"has {'no ' if with_qualities else ''}base qualities, unlike the sample's "
                    "files before it",
                    where=str(lane[0]),
                    remedy="give a sample's files in one format",
                )
            if batch.first_in_files == 0 and is_sample:
                start = batch.slice(0, 1)
                _refuse_mates_as_lanes(start, begun.setdefault(start.ids[0], start))
            yield batch
            first += len(batch)


def _refuse_mates_as_lanes(start: RecordBatch, other: RecordBatch) -> None:
    """Refuse a file that begins with the id that one before it begins with."""
    if start is other:
        return
    is_same = (start.sequences, start.qualities) == (other.sequences, other.qualities)
    what = "is that file again" if is_same else "has the mates of its reads"
    raise InputError(
        f"begins with the id {start.ids[0]}, as {other.files[0]} does, so it probably {what}",
        where=str(start.files[0]),
        remedy="name each file once"
        if is_same
        else "name the two files of pairs in one row of the samplesheet, as fastq_1 and fastq_2 "
        "(in a command of virnucpro: --paired)",
    )


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
        _check_qualities(batch)
        yield batch
        at += len(batch)


def _lane(
    lane: tuple[Path, ...], opened: OpenedFiles, *, is_sample: bool
) -> Iterator[dnaio.SequenceRecord]:
    """The records of a file, or of two files of mates."""
    if len(lane) == 2:
        first, second = lane
        return mates_of_two_files(first, second, _records(first, opened), _records(second, opened))
    records = _records(lane[0], opened)
    if not is_sample:
        return (record for record, _ in records)
    each, are_mates = mates_in_turn(lane[0], records)
    if are_mates:
        opened.notes.append(f"{lane[0]}: mates are in turn; their ids get /1 and /2")
    return each


def _records(path: Path, opened: OpenedFiles) -> Iterator[NumberedRecord]:
    """The records of one file."""
    with _readable(path), opened.open(path) as file:
        raw = Decompressed(path, file)
        stream = io.BufferedReader(cast(io.RawIOBase, raw), _BUFFER_BYTES)
        n_skipped = skip_to_first_record(path, stream)
        file_format = detect_format(path, stream)
        if file_format == "alignments":
            yield from _of_alignments(path, file)
            return
        if file_format is not None:
            text = CheckedText(path, stream, file_format, n_skipped)
            yield from _of_text(path, text, file_format, n_skipped)
        if raw.lacks_end:
            opened.warnings.append(
                f"the end-of-file block of {path.name} is missing, with which BGZF files end: it "
                "may have been cut off, and reads may be missing; compare it with the original"
            )


def _of_alignments(path: Path, file: io.FileIO) -> Iterator[NumberedRecord]:
    if not file.seekable():
        raise InputError(
            "is BAM or CRAM from a pipe", where=str(path), remedy="give a file, or - for a pipe"
        )
    file.seek(0)
    check_alignment_compression(path, file)
    return alignment_records(path, file)


def _of_text(
    path: Path, text: CheckedText, file_format: str, n_skipped: int
) -> Iterator[NumberedRecord]:
    if file_format == "sam":
        yield from sam_records(path, text, n_skipped)
        return
    try:
        with dnaio.open(cast("BinaryIO", text), fileformat=file_format) as reader:
            yield from zip(reader, repeat(0))
    except dnaio.FileFormatError as error:
        if error.line is not None:
            error.line += n_skipped
        raise


def _ids(batch: RecordBatch) -> list[str]:
    try:
        ids = [name.split(None, 1)[0] for name in batch.names]
    except IndexError:
        row = next(i for i, name in enumerate(batch.names) if not name.strip())
        raise InputError(
            "has no name in its header", where=batch.place(row), remedy="give it one"
        ) from None
    if not "".join(ids).isprintable():
        row = next(i for i, name in enumerate(ids) if not name.isprintable())
        raise InputError(
            f"has a control character in its id {ids[row]!r}",
            where=batch.place(row),
            remedy="rename the record",
        )
    return ids


def _check_qualities(batch: RecordBatch) -> None:
    """Refuse what is no quality.

    Raises:
        InputError: a quality is none of the characters ``!`` to ``~``.
    """
    if not batch.qualities or not "".join(batch.qualities).encode().translate(None, _QUALITIES):
        return
    for row, quality in enumerate(batch.qualities):
        if bad := quality.encode().translate(None, _QUALITIES).decode():
            raise InputError(
                f"has {bad[0]!r} as the quality of base {quality.index(bad[0]) + 1}, which is none "
                "of the characters from '!' to '~'",
                where=f"{batch.place(row)} ({batch.ids[row]})",
                remedy="mend this record, or copy the file again",
            )


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
        remedy = f"mend this {error.format} record"
        if "expected to start with '+'" in message:
            remedy = f"{remedy}; where records have more than four lines, use 'seqtk seq' first"
        raise InputError(message, where=where, remedy=remedy) from error
    except UnicodeError as error:
        raise _undecodable(path) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error})", where=where) from error


def _undecodable(path: Path) -> InputError:
    """Name the line that stopped the reader; it is looked for only now, once it is known."""
    if not path.is_file():  # what came out of a pipe cannot be read again
        return InputError("has characters outside ASCII", where=str(path), remedy=_TO_ASCII)
    with open_decompressed(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.removeprefix(BYTE_ORDER_MARK).isascii():
                return InputError(
                    f"has characters outside ASCII: {line.strip()[:60]!r}",
                    where=f"{path}, line {number}",
                    remedy=_TO_ASCII,
                )
    return InputError("has characters outside ASCII", where=str(path), remedy=_TO_ASCII)
