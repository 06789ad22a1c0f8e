"""Reading FASTA and FASTQ, plain or compressed, a batch of records at a time."""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import dnaio
from xopen import xopen

from virnucpro_core.errors import InputError

__all__ = ["BATCH_BASES", "BATCH_RECORDS", "RecordBatch", "read_batches"]

BATCH_BASES = 1 << 20
BATCH_RECORDS = 1 << 14
"""A batch ends with the record that reaches either bound, so memory does not grow with the file."""


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of a sequence file.

    Attributes:
        first: number of the first record in the file, from 0.
        ids: each header up to its first whitespace.
        names: the whole headers, without ``>`` or ``@``.
        sequences: the sequences as they stand in the file, line breaks removed.
    """

    first: int
    ids: list[str]
    names: list[str]
    sequences: list[str]

    def __len__(self) -> int:
        return len(self.ids)


def read_batches(path: Path) -> Iterator[RecordBatch]:
    """Read a FASTA or FASTQ file, plain or compressed with gzip, bzip2, xz or zstd.

    The format is taken from the content, not from the name. An empty file has no records.

    Raises:
        InputError: the file is missing, truncated or malformed; says where.
    """
    with _readable(path), xopen(path, "rb", threads=0) as raw:
        stream = io.BufferedReader(cast(io.RawIOBase, raw))
        file_format = _detect_format(path, stream)
        if file_format is None:
            return
        with dnaio.open(stream, fileformat=file_format) as reader:
            yield from _batches(path, reader)


def _batches(path: Path, reader: dnaio.SingleEndReader) -> Iterator[RecordBatch]:
    first = 0
    names: list[str] = []
    sequences: list[str] = []
    bases = 0
    for record in reader:
        names.append(record.name)
        sequences.append(record.sequence)
        bases += len(record.sequence)
        if bases >= BATCH_BASES or len(names) >= BATCH_RECORDS:
            yield RecordBatch(first, _ids(path, first, names), names, sequences)
            first += len(names)
            names, sequences, bases = [], [], 0
    if names:
        yield RecordBatch(first, _ids(path, first, names), names, sequences)


def _ids(path: Path, first: int, names: list[str]) -> list[str]:
    try:
        return [name.split(None, 1)[0] for name in names]
    except IndexError:
        number = first + next(i for i, name in enumerate(names) if not name.strip()) + 1
        raise InputError(
            "has no name in its header", where=f"{path}, record {number}", remedy="give it one"
        ) from None


def _detect_format(path: Path, stream: io.BufferedReader[io.RawIOBase]) -> str | None:
    """``"fasta"``, ``"fastq"``, or None for a file without content."""
    while True:
        head = stream.peek(4096)
        if not head:
            return None
        blank = len(head) - len(head.lstrip())
        if blank < len(head):
            break
        stream.read(blank)
    start = head[blank : blank + 1]
    if start in b">#":
        return "fasta"
    if start == b"@":
        return "fastq"
    if head.startswith((b"BAM\x01", b"CRAM")):
        raise InputError(
            "is a BAM or CRAM file", where=str(path), remedy="convert it with 'samtools fastq'"
        )
    raise InputError(
        f"is neither FASTA nor FASTQ: it starts with {start!r}, not with '>' or '@'",
        where=str(path),
        remedy="check that this is the file with the reads",
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
        raise InputError(
            error.message.rstrip("."), where=where, remedy=f"mend this {error.format} record"
        ) from error
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
    with xopen(path, "rb", threads=0) as file:
        for number, line in enumerate(file, start=1):
            if not line.isascii():
                return InputError(
                    f"has characters outside ASCII: {line.strip()[:60]!r}",
                    where=f"{path}, line {number}",
                    remedy="rename the record or mend its sequence",
                )
    return InputError("has characters outside ASCII", where=str(path))
