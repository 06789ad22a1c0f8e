"""The bytes of a file, decompressed member by member where it is compressed.

gzip (with BGZF), bzip2, xz and zstd files may have several members one after another, which are
read as one. What the libraries' own file objects do behind the first member differs, and some end
there without a word; so the members are gone through here, the same way for all four.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import shlex
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from backports import zstd

from virnucpro_core.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Decompressed", "open_decompressed"]

_BLOCK_BYTES = 1 << 17
_MAGIC_BYTES = 6
_BGZF_HEADER_BYTES = 18
_SHOWN_BYTES = 12


class _Member(Protocol):
    """Decompresses one member, as `bz2.BZ2Decompressor` does."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _ZlibMember:
    """A gzip member for machines that isal does not have wheels for."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


_gzip_errors: tuple[type[Exception], ...] = (zlib.error,)
_gzip_member: Callable[[], _Member] = _ZlibMember
try:
    from isal import igzip_lib
except ImportError:
    pass
else:
    # Its stubs have an exception in the place of the class.
    _gzip_errors = (zlib.error, cast("type[Exception]", igzip_lib.IsalError))

    def _gzip_member() -> _Member:
        return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _zstd_member() -> _Member:
    # Files made with --long need larger windows than are allowed by default.
    largest = zstd.DecompressionParameter.window_log_max.bounds()[1]
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: largest})


@dataclass(frozen=True, slots=True)
class _Compression:
    """How a compression is known, and read."""

    name: str
    suffix: str
    magic: re.Pattern[bytes]
    member: Callable[[], _Member]


_COMPRESSIONS = (
    _Compression("gzip", "gz", re.compile(rb"\x1f\x8b"), _gzip_member),
    _Compression("bzip2", "bz2", re.compile(rb"BZh[1-9]"), bz2.BZ2Decompressor),
    _Compression(
        "xz",
        "xz",
        re.compile(rb"\xfd7zXZ\0"),
        lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ),
    ),
    # A frame, or a skippable one, which zstd's seekable format ends with.
    _Compression(
        "zstd", "zst", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), _zstd_member
    ),
)
_DAMAGES: tuple[type[Exception], ...] = (
    *_gzip_errors,
    OSError,
    lzma.LZMAError,
    zstd.ZstdError,
    EOFError,
)


class Decompressed(io.RawIOBase):
    """The bytes of a file, decompressed if it is compressed, which its first bytes tell.

    Zero bytes between and behind members are the padding of tapes and blocks and are left out.

    Args:
        path: the file, for messages.
        file: the same, at its beginning, without a buffer.

    Raises (while it is read):
        InputError: the data end too early, are damaged, or have something else behind them.
    """

    def __init__(self, path: Path, file: io.RawIOBase) -> None:
        self._path = path
        self._file = file
        self._input = b""
        self._taken = 0  # bytes of the file
        self._fill(_MAGIC_BYTES)
        self._compression = next((c for c in _COMPRESSIONS if c.magic.match(self._input)), None)
        self._member: _Member | None = None
        self._member_bytes = 0  # decompressed, of the present or last member
        self._ends_at = 0  # of the last whole member in the file
        self._is_bgzf = False
        self._error: InputError | None = None
        if self._compression is not None:
            self._fill(_BGZF_HEADER_BYTES)
            # The extra field BC: SAM/BAM specification, 4.1.
            self._is_bgzf = self._input[3:4] == b"\x04" and self._input[12:16] == b"BC\x02\0"
            self._member = self._compression.member()

    @property
    def compression(self) -> str | None:
        """Its name, or None for a file that is not compressed."""
        return None if self._compression is None else self._compression.name

    @property
    def lacks_end(self) -> bool:
        """Whether BGZF data that were read to their end have no end-of-file block, an empty one."""
        return self._is_bgzf and self._member_bytes > 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill ``buffer`` while there are data; returns the number of bytes, 0 at the end.

        Short members would otherwise be short reads, and a file's beginning be told by less than
        it takes.
        """
        if self._error is not None:
            raise self._error
        view = memoryview(buffer).cast("B")
        filled = 0
        try:
            while filled < len(view) and (data := self._next(len(view) - filled)):
                view[filled : filled + len(data)] = data
                filled += len(data)
        except InputError as error:
            # What came before it is given out first: it may tell more of the file.
            self._error = error
            if not filled:
                raise
        return filled

    def _next(self, most: int) -> bytes:
        """Up to ``most`` bytes, none at the end."""
        if self._compression is not None:
            return self._decompress(self._compression, most)
        self._fill(1)
        data, self._input = self._input[:most], self._input[most:]
        return data

    def _decompress(self, compression: _Compression, most: int) -> bytes:
        """Up to ``most`` bytes, none at the end."""
        while True:
            if self._member is None:
                if not self._has_next(compression):
                    return b""
                self._member = compression.member()
                self._member_bytes = 0
            given = b""
            if self._member.needs_input:
                self._fill(1)
                given, self._input = self._input, b""
                if not given:
                    raise InputError(
                        f"the {compression.name} data end too early",
                        where=str(self._path),
                        remedy="copy or compress the file again",
                    )
            try:
                data = self._member.decompress(given, most)
            except _DAMAGES as error:
                raise InputError(
                    f"the {compression.name} data are damaged in or behind the member that begins "
                    f"at byte {self._ends_at} ({error})",
                    where=str(self._path),
                    remedy="copy or compress the file again",
                ) from error
            self._member_bytes += len(data)
            if self._member.eof:
                self._input = self._member.unused_data
                self._ends_at = self._taken - len(self._input)
                self._member = None
            if data:
                return data

    def _has_next(self, compression: _Compression) -> bool:
        """Go to the next member; whether there is one."""
        self._input = self._input.lstrip(b"\0")
        while not self._input and self._fill(1):
            self._input = self._input.lstrip(b"\0")
        if not self._input:
            return False
        self._fill(_MAGIC_BYTES)
        if compression.magic.match(self._input):
            return True
        path = shlex.quote(str(self._path))
        raise InputError(
            f"the {compression.name} data end at byte {self._ends_at}, and what is behind them is "
            f"no {compression.name} ({self._input[:_SHOWN_BYTES]!r})",
            where=str(self._path),
            remedy="copy or compress the file again; if all the reads are in front of it, take it "
            f"off with 'head -c {self._ends_at} {path} > mended.{compression.suffix}'",
        )

    def _fill(self, least: int) -> bool:
        """Have at least ``least`` bytes of input; whether there were as many."""
        while len(self._input) < least:
            more = self._file.read(_BLOCK_BYTES)
            if not more:
                return False
            self._taken += len(more)
            self._input += more
        return True


@contextmanager
def open_decompressed(path: Path) -> Iterator[io.BufferedReader[io.RawIOBase]]:
    """Open a file that may be compressed.

    Raises:
        OSError: it cannot be opened.
        InputError: while it is read, see `Decompressed`.
    """
    with path.open("rb", buffering=0) as file:
        raw: io.RawIOBase = Decompressed(path, file)
        with io.BufferedReader(raw) as read:
            yield read
