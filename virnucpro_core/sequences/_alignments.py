"""Records of BAM, CRAM and SAM files, as the sequencer gave them."""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pysam
from dnaio import SequenceRecord

from virnucpro_core.errors import InputError

__all__ = ["alignment_records"]

_LOWEST_QUALITY = chr(33 + 1)
"""For a record without qualities among others with: what 'samtools fastq' writes."""


def alignment_records(path: Path, opened: FileIO) -> Iterator[tuple[SequenceRecord, int]]:
    """Each record once, with its mate (1 or 2; 0 for a read without one).

    Secondary and supplementary alignments are left out. Records of the reverse strand are turned
    back, and mates get ``/1`` or ``/2`` behind their names. Without qualities in the first record
    no record has any.

    Args:
        path: the file, for messages.
        opened: the same, at its beginning.

    Raises:
        InputError: the file is truncated or damaged, or a CRAM's reference is missing.
    """
    silent = pysam.set_verbosity(0)  # htslib prints by itself what is raised here
    try:
        # Unaligned files have no references.
        with pysam.AlignmentFile(opened, check_sq=False, require_index=False) as file:
            has_qualities: bool | None = None
            for segment in file.fetch(until_eof=True):
                if segment.is_secondary or segment.is_supplementary:
                    continue
                record, mate = _record(segment)
                if has_qualities is None and record.sequence:
                    has_qualities = record.qualities is not None
                if not record.sequence:
                    record.qualities = ""
                elif not has_qualities:
                    record.qualities = None
                elif record.qualities is None:
                    record.qualities = _LOWEST_QUALITY * len(record.sequence)
                yield record, mate
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    finally:
        pysam.set_verbosity(silent)


def _record(segment: pysam.AlignedSegment) -> tuple[SequenceRecord, int]:
    mate = 0
    if segment.is_paired and segment.is_read1 != segment.is_read2:
        mate = 1 if segment.is_read1 else 2
    name = segment.query_name or ""
    if mate and name and not name.endswith(f"/{mate}"):
        name = f"{name}/{mate}"
    qualities = segment.query_qualities_str
    if qualities is not None and segment.is_reverse:
        qualities = qualities[::-1]
    return SequenceRecord(name, segment.get_forward_sequence() or "", qualities), mate


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
