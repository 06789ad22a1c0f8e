"""What a file of reads holds, by its first bytes."""

from __future__ import annotations

import io
import re
from pathlib import Path

from virnucpro_core.errors import InputError

__all__ = [
    "BYTE_ORDER_MARK",
    "check_alignment_compression",
    "detect_format",
    "skip_to_first_record",
]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# The tags of a line may stand in any order.
_SAM_HEADER = re.compile(rb"@(HD|SQ|RG|PG)\t[A-Za-z][A-Za-z0-9]:|@CO\t")
_UNPACK = "unpack it, and give the file with the reads"
_DECOMPRESS = "decompress it once"
_OTHERS = (
    (re.compile(rb"PK\x03\x04"), "is a zip archive", _UNPACK),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "is a 7z archive", _UNPACK),
    (re.compile(rb"Rar!"), "is a RAR archive", _UNPACK),
    (re.compile(rb"[^\0].{256}ustar", re.DOTALL), "is a tar archive", _UNPACK),
    (re.compile(rb"\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|\x28\xb5\x2f\xfd"), "is compressed twice",
     _DECOMPRESS),
    (re.compile(rb"\x1f\x9d|\x04\x22\x4d\x18|LZIP|\x5d\0\0"),
     "is compressed with compress, lz4 or lzip, which are not read here",
     "decompress it, or use gzip, bzip2, xz or zstd"),
    (re.compile(rb"\s*<(!doctype|html|\?xml|head)", re.IGNORECASE),
     "is a web page, perhaps one that asks for a password", "download the reads again"),
    (re.compile(rb"%PDF"), "is a PDF document", "check that this is the file with the reads"),
    (re.compile(rb"NCBI\.sra"), "is an SRA archive", "write it as FASTQ with 'fasterq-dump'"),
    (re.compile(rb"\x89HDF|\x8bPOD"), "holds signals of a nanopore (FAST5, POD5) or other HDF5",
     "call the bases first"),
    (re.compile(rb"LOCUS  "), "is GenBank", "download or write it as FASTA"),
    (re.compile(rb"ID   "), "is EMBL", "download or write it as FASTA"),
    (re.compile(rb"\xff\xfe|\xfe\xff|\0{0,3}[>@]\0|\0{1,3}[>@]"), "is text in UTF-16 or UTF-32",
     "write it as ASCII, for example with 'iconv -f UTF-16 -t ASCII'"),
    (re.compile(rb"\0\0"), "begins with zero bytes, where nothing was ever written",
     "copy the file again"),
)  # fmt: skip
"""How other files begin, what to call them, and what to do with them."""

_NOT_FOR_ALIGNMENTS = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_SHOWN_BYTES = 12


def skip_to_first_record(path: Path, stream: io.BufferedReader[io.RawIOBase]) -> int:
    """Go past a byte-order mark and the blank and comment lines (``#``) at the beginning.

    Returns:
        Their number.

    Raises:
        InputError: there is nothing but comments.
    """
    if stream.peek(len(BYTE_ORDER_MARK)).startswith(BYTE_ORDER_MARK):
        stream.read(len(BYTE_ORDER_MARK))
    n_lines = _skip_blank_lines(stream)
    while stream.peek().startswith(b"#"):
        # Those of old Macs end in CR alone, which no line is read by.
        while not (part := stream.readline(1 << 16)).endswith(b"\n") and part:
            pass
        n_lines += 1 + _skip_blank_lines(stream)
        if not stream.peek():
            raise InputError(
                "has comments only, and no record",
                where=str(path),
                remedy="check that this is the file with the reads",
            )
    return n_lines


def _skip_blank_lines(stream: io.BufferedReader[io.RawIOBase]) -> int:
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
    """``"fasta"``, ``"fastq"``, ``"sam"``, ``"alignments"`` (BAM or CRAM), or None for a stream
    without content.

    Raises:
        InputError: it is something else.
    """
    head = stream.peek()
    if not head:
        return None
    for pattern, what, remedy in _OTHERS:
        if pattern.match(head):
            raise InputError(what, where=str(path), remedy=remedy)
    if head.startswith((b"BAM\x01", b"CRAM")):
        return "alignments"
    if _SAM_HEADER.match(head):
        return "sam"
    start = head.lstrip()[:1]
    if start in b">@":
        return "fasta" if start == b">" else "fastq"
    raise InputError(
        "is neither FASTA, FASTQ, BAM, CRAM nor SAM with its header: it starts with "
        f"{head.lstrip()[:_SHOWN_BYTES]!r}",
        where=str(path),
        remedy="check that this is the file with the reads",
    )


def check_alignment_compression(path: Path, file: io.FileIO) -> None:
    """Refuse BAM or CRAM in a compression that htslib does not read, or dies of (xz).

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
                f"is BAM or CRAM compressed with {name}",
                where=str(path),
                remedy="decompress it",
            )
