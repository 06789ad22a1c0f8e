"""FASTA, FASTQ and SAM as text: writing well-formed ones, and reading any in plain Python."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from tests.fuzz.expected import ANY, REFUSED, Expected, Record, expect

SAM_HEADER = "@HD\tVN:1.6\tSO:unsorted\n@SQ\tSN:c\tLN:400\n"
_COMPLEMENT = str.maketrans("ACGTURYSWKMBDHVNacgturyswkmbdhvn", "TGCAAYRSWMKVHDBNtgcaayrswmkvhdbn")


def fasta(records: Sequence[Record], rng: random.Random) -> str:
    width = rng.choice([0, 0, 1, 20, 60])
    lines = []
    for record in records:
        step = width or max(len(record.sequence), 1)
        lines.append(f">{record.name}")
        lines += [record.sequence[at : at + step] for at in range(0, len(record.sequence), step)]
    return "".join(f"{line}\n" for line in lines)


def fastq(records: Sequence[Record], rng: random.Random) -> str:
    again = rng.random() < 0.2
    return "".join(
        f"@{r.name}\n{r.sequence}\n+{r.name if again else ''}\n{r.qualities}\n" for r in records
    )


def sam(records: Sequence[Record], rng: random.Random) -> str:
    return SAM_HEADER + "".join(
        f"{r.id}\t4\t*\t0\t0\t*\t*\t0\t0\t{r.sequence or '*'}\t{r.qualities or '*'}\n"
        for r in records
    )


def read_fasta(data: bytes) -> Expected:
    """What must become of a file that was FASTA before it was mutated."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.isascii() or b"\0" in data:
        return REFUSED
    text = re.sub("\r\n?", "\n", data.decode())
    records: list[Record] = []
    is_empty = True
    for line in map(str.strip, text.split("\n")):
        if line.startswith("#") and not records:
            is_empty = False
        elif line.startswith("#"):
            return REFUSED
        elif line.startswith(">"):
            records.append(Record(line[1:], "", None))
        elif line and not records:
            return REFUSED
        elif line:
            records[-1] = records[-1]._replace(sequence=records[-1].sequence + line)
    if not records and not is_empty:
        return REFUSED
    return expect(records)


def read_fastq(data: bytes) -> Expected:
    """What must become of a file that was FASTQ before it was mutated."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.isascii() or b"\0" in data:
        return REFUSED
    text = re.sub(r"\A(\s*\n)+", "", data.decode())
    if not text.strip():
        return Expected(())
    if text.startswith((">", "#", "@HD\t")):
        return ANY  # it has become another format
    body = text.rstrip("\r\n")
    lines = body.split("\n") + [""] * 3
    n_lines = body.count("\n") + 1
    records = []
    for at in range(0, n_lines, 4):
        name, sequence, plus, qualities = (line.removesuffix("\r") for line in lines[at : at + 4])
        if not name.startswith("@") or not plus.startswith("+") or plus[1:] not in ("", name[1:]):
            return REFUSED
        if len(sequence) != len(qualities):
            return REFUSED
        records.append(Record(name[1:], sequence, qualities))
    # A last record without bases is one with line ends behind its "+" only.
    return expect(records, may_refuse=n_lines % 4 != 0)


def read_sam(data: bytes) -> Expected:
    """What may come out of a file that was SAM before it was mutated; htslib refuses more."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.isascii() or b"\0" in data:
        return REFUSED
    lines = [line.removesuffix("\r") for line in data.decode().split("\n")]
    records = []
    for line in lines:
        if line.startswith("@") or not line.strip():
            continue
        fields = line.split("\t")
        # htslib takes flags in hexadecimal and octal, too.
        if len(fields) < 11 or not re.fullmatch(r"0|[1-9]\d{0,4}", fields[1]):
            return ANY
        flag = int(fields[1])
        if flag & 0x900:
            continue
        name, sequence = fields[0], "" if fields[9] == "*" else fields[9]
        qualities = "" if fields[10] == "*" else fields[10]
        if flag & 0x10:
            sequence, qualities = sequence.translate(_COMPLEMENT)[::-1], qualities[::-1]
        mate = 1 if flag & 0x41 == 0x41 else 2
        if flag & 1 and flag & 0xC0 in (0x40, 0x80) and not name.endswith(f"/{mate}"):
            name = f"{name}/{mate}"
        records.append(Record(name, sequence, qualities))
    return expect(
        [r._replace(sequence=r.sequence.replace(".", "N")) for r in records], may_refuse=True
    )
