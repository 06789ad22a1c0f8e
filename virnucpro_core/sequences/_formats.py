"""What a file of reads holds, by its first bytes, and the blank lines around its records."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from virnucpro_core.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "BYTE_ORDER_MARK",
    "WithoutBlankEnd",
    "check_alignment_compression",
    "detect_format",
    "skip_blank_lines",
]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# The tags of a line may stand in any order.
_SAM_HEADER = re.compile(rb"@(HD|SQ|RG|PG)\t[A-Za-z][A-Za-z0-9]:|@CO\t")
_NOT_FOR_ALIGNMENTS = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_FASTQ_LINES = 4
_BLOCK_BYTES = 1 << 17


def skip_blank_lines(stream: io.BufferedReader[io.RawIOBase]) -> int:
    """Go past a byte-order mark and the blank lines at the beginning; returns their number."""
    if stream.peek(len(BYTE_ORDER_MARK)).startswith(BYTE_ORDER_MARK):
        stream.read(len(BYTE_ORDER_MARK))
    n_lines = 0
    while head := stream.peek():
        blank = len(head) - len(head.lstrip())
        # Spaces before a record are the record's.
        skipped = stream.read(blank if blank == len(head) else head.rfind(b"\n", 0, blank) + 1)
        n_lines += skipped.count(b"\n")
        if blank < len(head):
            break
    return n_lines


def detect_format(path: Path, stream: io.BufferedReader[io.RawIOBase]) -> str | None:
    """``"fasta"``, ``"fastq"``, ``"alignments"``, or None for a stream without content.

    Raises:
        InputError: it is something else.
    """
    head = stream.peek()
    start = head.lstrip()[:1]
    if not head:
        return None
    if start in b">#":
        return "fasta"
    if head.startswith((b"BAM\x01", b"CRAM")) or _SAM_HEADER.match(head):
        return "alignments"
    if start == b"@":
        return "fastq"
    raise InputError(
        f"is neither FASTA, FASTQ, BAM, CRAM nor SAM with its header: it starts with {start!r}",
        where=str(path),
        remedy="check that this is the file with the reads",
    )


def check_alignment_compression(path: Path, file: io.FileIO) -> None:
    """Refuse BAM, CRAM or SAM in a compression that htslib does not read, or dies of (xz).

    Args:
        path: the file, for messages.
        file: the same, at its beginning; it is left there.

    Raises:
        InputError: it is such a file.
    """
    head = file.read(max(map(len, _NOT_FOR_ALIGNMENTS))) or b""
    file.seek(0)
    for magic, name in _NOT_FOR_ALIGNMENTS.items():
        if head.startswith(magic):
            raise InputError(
                f"is BAM, CRAM or SAM compressed with {name}",
                where=str(path),
                remedy="decompress it (SAM may be compressed with gzip)",
            )


class WithoutBlankEnd(io.RawIOBase):
    """A FASTQ stream without the blank lines behind its last record."""

    def __init__(self, stream: io.BufferedReader[io.RawIOBase]) -> None:
        self._blocks = _without_blank_end(stream)
        self._block = memoryview(b"")

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill ``buffer`` or a part of it; returns the number of bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        self._block = self._block or memoryview(next(self._blocks, b""))
        n_bytes = min(len(view), len(self._block))
        view[:n_bytes] = self._block[:n_bytes]
        self._block = self._block[n_bytes:]
        return n_bytes


def _without_blank_end(stream: io.BufferedReader[io.RawIOBase]) -> Iterator[bytes]:
    held = b""  # line ends that may be the last
    n_lines = 0  # before what is held
    while data := stream.read1(_BLOCK_BYTES):
        data = held + data
        body = data.rstrip(b"\r\n")
        held = data[len(body) :]
        if body:
            n_lines += body.count(b"\n")
            yield body
    # A record without bases ends in blank lines itself: those that make its lines whole are kept.
    missing = _FASTQ_LINES - n_lines % _FASTQ_LINES
    yield b"".join(held.splitlines(keepends=True)[:missing])
