"""Compressed files and BAM: writing them, and mutations of their bytes with what these must
come to."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pysam
from backports import zstd

from tests.fuzz.expected import ANY, REFUSED, Expected, Record

BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_WITH_CHECKSUM = {zstd.CompressionParameter.checksum_flag: 1}

Read = Callable[[bytes], Expected]


def bgzf_block(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    packed = deflate.compress(data) + deflate.flush()
    head = BGZF_END[:16] + struct.pack("<H", len(packed) + 25)
    return head + packed + struct.pack("<II", zlib.crc32(data), len(data))


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": partial(gzip.compress, mtime=0),
    "bgzf": bgzf_block,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": partial(zstd.compress, options=_WITH_CHECKSUM),
}


def pieces(data: bytes, n_pieces: int) -> list[bytes]:
    step = max(-(-len(data) // n_pieces), 1)
    return [data[at : at + step] for at in range(0, len(data), step)]


def mutate_compressed(
    data: bytes, kind: str, rng: random.Random, read: Read
) -> tuple[str, bytes, Expected]:
    """A text compressed, and changed in its members or bytes; ``read`` tells what a text is."""
    compress = COMPRESSIONS[kind]
    parts = pieces(data, rng.choice([1, 1, 2, 5]))
    members = [compress(part) for part in parts]
    end = BGZF_END if kind == "bgzf" else b""
    whole = b"".join(members) + end
    right = read(data)
    either = replace(right, may_refuse=True)
    if not members:
        return "nothing", end, right
    name = rng.choice(
        ["none", "zeros behind", "zeros between", "bytes behind", "cut", "flipped", "members lost",
         "empty member", "twice compressed", "member again", "bytes removed", "bytes inserted",
         "block overwritten"]
    )  # fmt: skip
    if name == "zeros behind":
        return name, whole + bytes(rng.choice([1, 3, 4, 511, 70_000])), right
    if name == "zeros between":
        zeros = bytes(rng.choice([1, 4, 512]))
        return name, zeros.join(members) + zeros + end, right
    if name == "bytes behind":
        tail = rng.choice([b"x", b"garbage\n", b"\0\0x", b"@r\nA\n+\nI\n", b"\xff" * 600])
        return name, whole + tail, REFUSED
    if name == "cut":
        at = rng.randrange(len(whole) + 1)
        return name, whole[:at], _cut(at, parts, members, len(whole), kind, right, read)
    if name == "members lost":
        first = rng.randrange(len(members))
        left = members[:first] + members[first + 1 :]
        text = b"".join(parts[:first] + parts[first + 1 :])
        # What is lost whole leaves no trace, but the lines at its ends may not fit.
        return name, b"".join(left) + end, read(text)
    if name == "member again":
        return name, members[0] + whole, read(parts[0] + data)
    if name == "empty member":
        return name, compress(b"").join([b"", *members]) + end, right
    if name == "twice compressed":
        return name, compress(whole) + end, REFUSED
    if name in _CHANGES and whole:
        # A change may hit what does not matter: a time, a name, a flag.
        changed = _CHANGES[name](whole, rng)
        return name, changed, either if changed else Expected(())
    return "none", whole, right


def _cut(
    at: int,
    parts: Sequence[bytes],
    members: Sequence[bytes],
    n_bytes: int,
    kind: str,
    right: Expected,
    read: Read,
) -> Expected:
    ends = [sum(map(len, members[:n])) for n in range(len(members) + 1)]
    if at == n_bytes:
        return right
    if at in ends:
        # Between members no format shows it, but for BGZF's last block.
        expected = read(b"".join(parts[: ends.index(at)]))
        if kind == "bgzf" and at and expected.records is not None:
            return replace(expected, warning="warning")
        return expected
    return REFUSED


def _flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 9])):
        changed[rng.randrange(len(changed))] ^= rng.randrange(1, 256)
    return bytes(changed)


def _removed(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice([1, 2, 30, 500]) :]


def _inserted(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.choice([1, 2, 30, 500])) + data[at:]


def _overwritten(data: bytes, rng: random.Random) -> bytes:
    at, n_bytes = rng.randrange(len(data)), rng.choice([4, 16, 512])
    return data[:at] + bytes(n_bytes) + data[at + n_bytes :]


_CHANGES = {
    "flipped": _flipped,
    "bytes removed": _removed,
    "bytes inserted": _inserted,
    "block overwritten": _overwritten,
}


def change_bytes(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Any change of any bytes."""
    name = rng.choice(list(_CHANGES))
    return (name, _CHANGES[name](data, rng)) if data else ("none", data)


def alignments(records: Sequence[Record], path: Path, mode: str) -> bytes:
    """BAM (``wb``) or CRAM (``wc``) of unaligned records."""
    silent = pysam.set_verbosity(0)
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "c", "LN": 400}]}
    with pysam.AlignmentFile(str(path), mode, header=header) as file:
        for record in records:
            segment = pysam.AlignedSegment(file.header)
            segment.query_name, segment.flag = record.id, pysam.FUNMAP
            segment.query_sequence = record.sequence or None
            if record.qualities:
                segment.query_qualities = pysam.qualitystring_to_array(record.qualities)
            file.write(segment)
    pysam.set_verbosity(silent)
    return path.read_bytes()


def mutate_alignments(
    data: bytes, rng: random.Random, right: Expected, *, is_bam: bool
) -> tuple[str, bytes, Expected]:
    """BAM or CRAM, changed in its bytes."""
    name = rng.choice(["none", "cut", "changed", "bytes behind", "changed within"])
    if name == "cut":
        at = rng.randrange(len(data))
        return name, data[:at], REFUSED if at else Expected(())
    if name == "bytes behind":
        return name, data + rng.choice([bytes(512), b"x", b"garbage"]), REFUSED
    if name == "changed":
        name, data = change_bytes(data, rng)
        return name, data, replace(right, may_refuse=True) if data else Expected(())
    if name == "changed within" and is_bam:
        # The checksums of the blocks fit: it is another BAM, or none.
        inner = change_bytes(gzip.decompress(data), rng)[1]
        blocks = [bgzf_block(part) for part in pieces(inner, rng.choice([1, 3]))]
        return name, b"".join(blocks) + BGZF_END, ANY
    return "none", data, right
