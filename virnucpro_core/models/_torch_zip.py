"""Where the entries of a ZIP archive lie that must be as ``torch.save`` writes it: not compressed.

Nothing is unpacked: numbers are read from their place in the archive. So an entry can neither be
written anywhere nor grow, and every rule here is only that a wrong archive fails early and clearly.
"""

from __future__ import annotations

import itertools
import stat
import struct
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

from virnucpro_core.models._pickled_objects import RefusedPickleError

__all__ = ["StoredEntry", "entries_of_zip"]

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_IS_ENCRYPTED, _IS_UTF8 = 0x1, 0x800


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """Bytes of a file that are not compressed.

    Attributes:
        start: the first, from the beginning of the file.
        n_bytes: how many.
        crc32: their checksum; 0 or None where there is none.
    """

    start: int
    n_bytes: int
    crc32: int | None


def entries_of_zip(file: BinaryIO) -> dict[str, StoredEntry]:
    """The entries of an archive by name, without the folder that all of them are in.

    Raises:
        RefusedPickleError: it is damaged, compressed or encrypted, or has entries that lie in each
            other, occur twice, are links, or have a path that leaves the folder.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            end = archive.start_dir
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise RefusedPickleError(f"it is a damaged ZIP archive ({str(error)[:80]})") from error
    entries: dict[str, StoredEntry] = {}
    bounds: list[tuple[int, int]] = []
    folder = infos[0].filename.partition("/")[0] if infos else ""
    for info in infos:
        name = _name_in(folder, info)
        if name in entries:
            raise RefusedPickleError("it has two entries of one name")
        start = _start_of(file, info)
        entries[name] = StoredEntry(start, info.file_size, info.CRC)
        bounds.append((info.header_offset, start + info.file_size))
    bounds = [*sorted(bounds), (end, end)]
    if any(stop > after for (_, stop), (after, _) in itertools.pairwise(bounds)):
        raise RefusedPickleError("it has entries that lie in each other")
    return entries


def _name_in(folder: str, info: zipfile.ZipInfo) -> str:
    first, _, name = info.orig_filename.partition("/")
    parts = name.split("/")
    if first != folder or first in ("", ".", "..") or not {"", ".", ".."}.isdisjoint(parts):
        raise RefusedPickleError("it has an entry whose path leaves the archive's folder")
    if info.orig_filename != info.filename or "\\" in name or ":" in first:
        raise RefusedPickleError("it has an entry whose path leaves the archive's folder")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise RefusedPickleError("it has an entry that is a link")
    if info.flag_bits & _IS_ENCRYPTED:
        raise RefusedPickleError("it is encrypted")
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise RefusedPickleError("it is compressed, which torch.save never does")
    return name


def _start_of(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Where the bytes of an entry begin, which only the header beside them says."""
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) == _LOCAL_HEADER.size:
        signature, _, flags, *_ = _LOCAL_HEADER.unpack(header)
        n_name, n_extra = (int.from_bytes(header[i : i + 2], "little") for i in (26, 28))
        name = file.read(n_name).decode("utf-8" if flags & _IS_UTF8 else "cp437", "replace")
        if signature == b"PK\x03\x04" and name == info.orig_filename:
            return info.header_offset + _LOCAL_HEADER.size + n_name + n_extra
    raise RefusedPickleError("it is a damaged ZIP archive (an entry is not where it should be)")
