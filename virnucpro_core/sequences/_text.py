"""The text of FASTA, FASTQ and SAM on its way to their parsers, which do not see all that is wrong
with it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from virnucpro_core.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["CheckedText"]

_FASTQ_LINES = 4
_BLOCK_BYTES = 1 << 17
_COMMENT = re.compile(rb"[\r\n]\s*#")


class CheckedText(io.RawIOBase):
    """A stream of text whose lines can be parsed.

    Of FASTQ the blank lines behind its last record are left out.

    Args:
        path: the file, for messages.
        stream: at its first record.
        file_format: ``"fasta"``, ``"fastq"`` or ``"sam"``.
        n_lines: that were skipped before the first record.

    Raises (while it is read):
        InputError: it has zero bytes, lines that end in CR alone, or of FASTA, comments between
            its lines.
    """

    def __init__(
        self,
        path: Path,
        stream: io.BufferedReader[io.RawIOBase],
        file_format: str,
        n_lines: int,
    ) -> None:
        self._path = path
        self._stream = stream
        self._n_lines = n_lines
        if file_format == "fasta":
            self._blocks = self._without_comments()
        elif file_format == "fastq":
            self._blocks = self._without_blank_end()
        else:
            self._blocks = self._checked()
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

    def _checked(self) -> Iterator[bytes]:
        """The stream in blocks; ``_n_lines`` are those before the block that is handed out."""
        while block := self._stream.read1(_BLOCK_BYTES):
            if (at := block.find(b"\0")) >= 0:
                raise self._error(
                    "has a zero byte, where something was overwritten or never written",
                    block[:at],
                    "copy the file again",
                )
            yield block
            self._n_lines += block.count(b"\n")

    def _without_comments(self) -> Iterator[bytes]:
        """FASTA, whose parser would leave out the lines that begin with ``#``, be they headers or
        sequences that were damaged."""
        before = b""  # a line end, where only blanks are behind the last one
        for block in self._checked():
            if b"#" in block and (comment := _COMMENT.search(before + block)):
                at = comment.end() - len(before)
                raise self._error("begins with '#'", block[:at], "remove comments, or mend it")
            yield block
            blanks = block[len(block.rstrip()) :]
            is_open = b"\n" in blanks or b"\r" in blanks or (before and len(blanks) == len(block))
            before = b"\n" if is_open else b""

    def _without_blank_end(self) -> Iterator[bytes]:
        held = b""  # line ends that may be the last
        n_lines = 0  # before what is held
        is_first = True
        for block in self._checked():
            if is_first and b"\n" not in block and b"\r" in block[:-1]:
                raise self._error(
                    "ends in CR, as on old Macs, and so do the others",
                    b"",
                    "write it anew with \"tr '\\r' '\\n'\"",
                )
            is_first = False
            data = held + block
            body = data.rstrip(b"\r\n")
            held = data[len(body) :]
            if body:
                n_lines += body.count(b"\n")
                yield body
        # A record without bases ends in blank lines itself: those that make its lines whole are
        # kept.
        missing = _FASTQ_LINES - n_lines % _FASTQ_LINES
        yield b"".join(held.splitlines(keepends=True)[:missing])

    def _error(self, what: str, before: bytes, remedy: str) -> InputError:
        line = self._n_lines + before.count(b"\n") + 1
        return InputError(what, where=f"{self._path}, line {line}", remedy=remedy)
