"""Records of BAM, CRAM and SAM files, as the sequencer gave them."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import cast

import pysam
from dnaio import SequenceRecord

from virnucpro_core.errors import InputError

__all__ = ["alignment_records", "sam_records"]

# What htslib would print is raised here. Once for all: a reader that turned the printing on again
# at its end would do so under the readers that were opened after it.
pysam.set_verbosity(0)

_LOWEST_QUALITY = chr(33 + 1)
"""For a record without qualities among others with: what 'samtools fastq' writes."""

_LETTERS = dict.fromkeys(map(ord, "ACGTURYSWKMBDHVN=."))
"""Of a sequence in SAM, for `str.translate`; ``.`` is N, ``=`` is refused as in BAM."""

_QUALITIES = bytes(min(33 + value, 127) for value in range(256))
"""For `bytes.translate`: the character of a quality; 127, which is none, for one over 93."""

_BGZF_END = re.compile(
    re.escape(bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000"))
)
"""The last block of a BGZF file (SAM specification, section 4.1.2)."""
_BGZF_START = re.compile(rb"\x1f\x8b\x08\x04.{8}BC\x02\0", re.DOTALL)
_TAIL_BYTES = 1 << 20

_CRAM_END = re.compile(rb"[\x0b\x0f]\0\0\0\xff{4}\x0f\xe0EOF(.{25}|.{17})", re.DOTALL)
"""The last container of a CRAM file of version 3 (38 bytes) or 2.1 (30), section 9 of its
specification."""


def alignment_records(path: Path, opened: FileIO) -> Iterator[tuple[SequenceRecord, int]]:
    """Each record of BAM or CRAM once, with its mate (1 or 2; 0 for a read without one).

    Secondary and supplementary alignments are left out. Records of the reverse strand are turned
    back, and mates get ``/1`` or ``/2`` behind their names. Without qualities in the first record
    no record has any.

    Args:
        path: the file, for messages.
        opened: the same, at its beginning.

    Raises:
        InputError: the file is truncated or damaged, or a CRAM's reference is missing.
    """
    try:
        _check_end(path, opened)
        with _open(opened) as file:
            yield from _as_sequenced(file.fetch(until_eof=True))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def sam_records(
    path: Path, text: io.RawIOBase, n_lines: int
) -> Iterator[tuple[SequenceRecord, int]]:
    """Each record of SAM once, as `alignment_records` does.

    Args:
        path: the file, for messages.
        text: the same, at its first line.
        n_lines: lines that were skipped before it.

    Raises:
        InputError: a line is no SAM.
    """
    header = io.StringIO()
    number = n_lines
    lines = io.TextIOWrapper(io.BufferedReader(text), encoding="ascii", newline="\n")
    line = ""
    for line in lines:
        if not line.startswith("@"):
            break
        number += 1
        header.write(line)
    else:
        return
    try:
        names = pysam.AlignmentHeader.from_text(header.getvalue())
    except (ValueError, KeyError) as error:
        raise InputError(
            f"has a SAM header that cannot be used ({error})",
            where=str(path),
            remedy="mend the header",
        ) from error

    def segments() -> Iterator[pysam.AlignedSegment]:
        nonlocal number, line
        while line:
            number += 1
            if line.strip():
                segment = pysam.AlignedSegment.fromstring(line.rstrip("\r\n"), names)
                _check_letters(line, f"{path}, line {number}")
                yield segment
            line = lines.readline()

    try:
        yield from _as_sequenced(segments())
    except (ValueError, OverflowError) as error:
        if isinstance(error, UnicodeError):
            raise
        raise InputError(
            f"is no whole SAM record ({error})",
            where=f"{path}, line {number}",
            remedy="mend it, or copy the file again",
        ) from error


def _as_sequenced(
    segments: Iterable[pysam.AlignedSegment],
) -> Iterator[tuple[SequenceRecord, int]]:
    has_qualities: bool | None = None
    for segment in segments:
        if segment.is_secondary or segment.is_supplementary:
            continue
        record, mate = _record(segment)
        if has_qualities is None and record.sequence:
            has_qualities = record.qualities is not None
        if not record.sequence:
            pass  # its qualities are as empty
        elif not has_qualities:
            record.qualities = None
        elif record.qualities is None:
            record.qualities = _LOWEST_QUALITY * len(record.sequence)
        yield record, mate


def _record(segment: pysam.AlignedSegment) -> tuple[SequenceRecord, int]:
    mate = 0
    if segment.is_paired and segment.is_read1 != segment.is_read2:
        mate = 1 if segment.is_read1 else 2
    name = segment.query_name or ""
    if mate and name and not name.endswith(f"/{mate}"):
        name = f"{name}/{mate}"
    sequence = segment.get_forward_sequence() or ""
    return SequenceRecord(name, sequence, _qualities(segment) if sequence else ""), mate


def _qualities(segment: pysam.AlignedSegment) -> str | None:
    """As in FASTQ, in the order of the sequencer; None for a record that has none."""
    # Not `query_qualities_str`: for a sequence of one base it overwrites, in place, the string
    # that Python has for every such character.
    values = segment.query_qualities
    if values is None:
        return None
    qualities = values.tobytes().translate(_QUALITIES).decode("ascii")
    return qualities[::-1] if segment.is_reverse else qualities


def _open(opened: FileIO) -> pysam.AlignmentFile:
    """Open BAM or CRAM. Where that fails, the half-made object of pysam fails to close, too, and
    prints that through both hooks of Python; it is left out here."""
    of_exceptions, of_unraisable = sys.excepthook, sys.unraisablehook

    def exception(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if "Closing failed" not in str(error):
            of_exceptions(kind, error, trace)

    def unraisable(found: sys.UnraisableHookArgs) -> None:
        if "AlignmentFile" not in str(found.object):
            of_unraisable(found)

    sys.excepthook, sys.unraisablehook = exception, unraisable
    try:
        # Unaligned files have no references.
        return pysam.AlignmentFile(opened, check_sq=False, require_index=False)
    finally:
        sys.excepthook, sys.unraisablehook = of_exceptions, of_unraisable


def _check_letters(line: str, where: str) -> None:
    """Refuse a sequence with letters of which htslib makes N without a word."""
    sequence = line.split("\t", 10)[9]
    if sequence != "*" and (bad := sequence.upper().translate(_LETTERS)):
        base = sequence.upper().index(bad[0]) + 1
        raise InputError(
            f"has {sequence[base - 1]!r} at base {base}, which is not a nucleotide",
            where=where,
            remedy="give nucleotides only (A, C, G, T, U and IUPAC letters)",
        )


def _check_end(path: Path, opened: FileIO) -> None:
    """Refuse a file that was cut between two of its blocks, or has something behind the last.

    htslib sees the one in BAM only, and cannot tell it from the other.
    """
    head = cast(bytes, opened.read(16))
    n_bytes = opened.seek(0, io.SEEK_END)
    opened.seek(max(n_bytes - _TAIL_BYTES, 0))
    tail = cast(bytes, opened.read())
    opened.seek(0)
    is_cram = head.startswith(b"CRAM")
    # CRAM before 2.1 has no such end, nor has BAM in another compression.
    if head[4:6] < b"\x02\x01" if is_cram else not _BGZF_START.match(head):
        return
    ends = [match.end() for match in (_CRAM_END if is_cram else _BGZF_END).finditer(tail)]
    if ends and ends[-1] == len(tail):
        return
    if ends:
        end = n_bytes - len(tail) + ends[-1]
        raise InputError(
            f"ends at byte {end}, and something is behind that",
            where=str(path),
            remedy="copy the file again; if all the reads are in front of it, take it off with "
            f"'head -c {end} {shlex.quote(str(path))} > mended.{'cram' if is_cram else 'bam'}'",
        )
    raise InputError(
        "ends without the block that marks its end, so it was cut off, and reads are missing",
        where=str(path),
        remedy="copy the file again",
    )


def _unreadable(path: Path, error: Exception) -> InputError:
    with path.open("rb") as file:
        is_cram = file.read(4) == b"CRAM"
    if is_cram:
        return InputError(
            f"cannot be decoded: the reference that it was compressed with is not here, or the "
            f"file is damaged ({error})",
            where=str(path),
            remedy="set REF_PATH to the references, or use 'samtools fastq --reference' first",
        )
    return InputError(
        f"ends too early or is damaged ({error})", where=str(path), remedy="copy the file again"
    )
