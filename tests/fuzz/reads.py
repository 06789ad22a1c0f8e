"""Cases of reads: records, changed as records, lines, bytes or in their encoding, in a format and
a compression."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import containers, texts
from tests.fuzz.expected import (
    ANY,
    REFUSED,
    Expected,
    Record,
    draw_records,
    expect,
    in_turn,
    with_mate,
)

WINDOW_SIZE = "60"

_MEANS_MORE = [f"letter {letter!r}" for letter in " \t#>"]


@dataclass(frozen=True, slots=True)
class Case:
    """A command line and what it must end in.

    Attributes:
        label: format, compression and change.
        words: behind ``virnucpro``.
        expected: what must come out.
        reads: the files whose records come out.
        paired: whether they are pairs.
        check: what else is wrong after an exit code.
    """

    label: str
    words: tuple[str, ...]
    expected: Expected
    reads: tuple[Path, ...] = ()
    paired: bool = False
    check: Callable[[int | None], list[str]] | None = None


def reads_case(rng: random.Random, folder: Path) -> Case:
    """A case of one sample."""
    make = rng.choice([_text_case] * 6 + [_alignments_case] * 2 + [_files_case])
    return make(rng, folder)


def _case(label: str, folder: Path, files: list[Path], expected: Expected, *more: str) -> Case:
    words = ("prepare", *map(str, files), "--sample", "s", "--window-size", WINDOW_SIZE)
    outdir = ("--outdir", str(folder), *more)
    return Case(label, (*words, *outdir), expected, tuple(files), "--paired" in more)


def _text_case(rng: random.Random, folder: Path) -> Case:
    name = rng.choice(["fasta", "fastq", "sam"])
    write = {"fasta": texts.fasta, "fastq": texts.fastq, "sam": texts.sam}[name]
    read = {"fasta": texts.read_fasta, "fastq": texts.read_fastq, "sam": texts.read_sam}[name]
    records = draw_records(rng, with_qualities=name == "fastq")
    record_change, records = _change_records(records, rng)
    text = write(records, rng)
    # What is written is what must be read, which holds the reader in plain Python, too; but for
    # letters that mean something else at the beginning of a line.
    if name != "sam" and record_change not in _MEANS_MORE:
        assert read(text.encode()).records == expect(records).records, (record_change, text)
    text_change, data, expected = _change_text(text, rng, read)
    path = folder / f"reads.{name}"
    if rng.random() < 0.45:
        path.write_bytes(data)
        return _case(f"{name}: {record_change}, {text_change}", folder, [path], expected)
    kind = rng.choice(list(containers.COMPRESSIONS))
    if data.count(b"\n") > 400:
        data = text.encode()
    change, packed, expected = containers.mutate_compressed(data, kind, rng, read)
    path.write_bytes(packed)
    label = f"{name}.{kind}: {record_change}, {text_change}, {change}"
    return _case(label, folder, [path], expected)


def _alignments_case(rng: random.Random, folder: Path) -> Case:
    drawn = draw_records(rng, with_qualities=True)
    records = [r._replace(name=r.id, sequence=r.sequence.upper().replace("U", "T")) for r in drawn]
    name, mode = rng.choice([("bam", "wb")] * 4 + [("cram", "wc")])
    data = containers.alignments(records, folder / "whole", mode)
    right = expect(records)
    change, data, expected = containers.mutate_alignments(data, rng, right, is_bam=name == "bam")
    path = folder / f"reads.{name}"
    path.write_bytes(data)
    return _case(f"{name}: {change}", folder, [path], expected)


def _files_case(rng: random.Random, folder: Path) -> Case:
    """Pairs, lanes, and mates where lanes should be."""
    records = [r for r in draw_records(rng, with_qualities=True) if not r.name.startswith("r/")]
    ids = [record.id for record in records]
    records = [r for at, r in enumerate(records) if ids.index(r.id) == at]
    ones, twos = in_turn(records)[::2], in_turn(records)[1::2]
    twos = [r._replace(sequence=r.sequence[::-1]) for r in twos]
    paths = [folder / "1.fq", folder / "2.fq"]
    name = rng.choice(["pairs", "one lost", "one swapped", "lanes", "mates as lanes", "same file"])
    expected = Expected(
        tuple(
            with_mate(r, m) for pair in zip(ones, twos, strict=True) for m, r in enumerate(pair, 1)
        )
    )
    more = ["--paired"]
    if name == "one lost" and twos:
        del twos[rng.randrange(len(twos))]
        expected = REFUSED
    elif name == "one swapped" and len(twos) > 1:
        twos[0], twos[1] = twos[1], twos[0]
        expected = REFUSED
    elif name == "lanes":
        ones, twos, more = records[::2], records[1::2], []
        expected = expect([*ones, *twos])
    elif name == "mates as lanes" and records:
        more, expected = [], REFUSED
    elif name == "same file" and records:
        paths, more, expected = [paths[0]] * 2, [], REFUSED
    for path, chosen in zip(paths, (ones, twos), strict=True):
        if paths[0] is not paths[1] or chosen is ones:
            path.write_text(texts.fastq(chosen, rng))
    return _case(f"files: {name}", folder, paths, expected, *more)


def _change_records(records: list[Record], rng: random.Random) -> tuple[str, list[Record]]:
    """Whole records lost, repeated or moved, or one of them changed in a field."""
    if not records:
        return "none", records
    at = rng.randrange(len(records))
    one = records[at]
    bad = rng.choice("-.*EFJLZ1 @>\t#")
    before, behind = records[:at], records[at + 1 :]
    changes: dict[str, Callable[[], list[Record]]] = {
        "none": lambda: records,
        "record removed": lambda: before + behind,
        "record again": lambda: [*records, one],
        "record twice": lambda: [*before, one, one, *behind],
        "records turned": lambda: records[::-1],
        "records halved": lambda: records[: len(records) // 2],
        "name lost": lambda: [*before, one._replace(name=""), *behind],
        "name of another": lambda: [*before, one._replace(name=records[0].name), *behind],
        "long name": lambda: [*before, one._replace(name=one.name + "x" * 5_000), *behind],
        "letter": lambda: [*before, _with_letter(one, bad, rng), *behind],
        "long record": lambda: [*records, _long(rng, one)],
        "bases lost": lambda: [*before, _empty(one), *behind],
    }
    name = rng.choice(list(changes) + ["none"] * 6)
    changed = changes[name]()
    # A letter that begins a line means something else there.
    return (name, changed) if name != "letter" else (f"letter {bad!r}", changed)


def _with_letter(record: Record, letter: str, rng: random.Random) -> Record:
    if len(record.sequence) < 3:
        return record
    at = rng.randrange(1, len(record.sequence) - 1)
    return record._replace(sequence=record.sequence[:at] + letter + record.sequence[at + 1 :])


def _long(rng: random.Random, like: Record) -> Record:
    sequence = "".join(rng.choices("ACGT", k=1_000)) * rng.choice([3, 300])
    return Record("long", sequence, None if like.qualities is None else "I" * len(sequence))


def _empty(record: Record) -> Record:
    return record._replace(sequence="", qualities=None if record.qualities is None else "")


def _change_text(
    text: str, rng: random.Random, read: Callable[[bytes], Expected]
) -> tuple[str, bytes, Expected]:
    """The text in another encoding, with other line ends, or with lines or bytes changed."""
    data = text.encode()
    lines = data.splitlines(keepends=True)
    at = rng.randrange(len(lines)) if lines else 0
    before, one, behind = lines[:at], lines[at : at + 1], lines[at + 1 :]

    def with_line(*middle: bytes) -> bytes:
        return b"".join([*before, *middle, *behind])

    changes: dict[str, Callable[[], bytes]] = {
        "none": lambda: data,
        "CRLF": lambda: data.replace(b"\n", b"\r\n"),
        "CR": lambda: data.replace(b"\n", b"\r"),
        "CRLF in one line": lambda: with_line(*(o.replace(b"\n", b"\r\n") for o in one)),
        "BOM": lambda: b"\xef\xbb\xbf" + data,
        "blank lines around": lambda: b"\n\r\n" + data + b"\n" * rng.choice([1, 4, 9]),
        "blank line within": lambda: with_line(b"\n", *one),
        "no last line end": lambda: data.removesuffix(b"\n"),
        "comment before": lambda: b"# a comment\n" + data,
        "comment within": lambda: with_line(b"# a comment\n", *one),
        "blanks behind a line": lambda: with_line(*(o.replace(b"\n", b" \t\n") for o in one)),
        "line lost": with_line,
        "line twice": lambda: with_line(*one, *one),
        "lines swapped": lambda: b"".join([*before, *behind[:1], *one, *behind[1:]]),
        "cut": lambda: data[: rng.randrange(len(data) + 1)],
        "cut between lines": lambda: b"".join(before),
        "bytes changed": lambda: containers.change_bytes(data, rng)[1],
        "zero bytes behind": lambda: data + bytes(rng.choice([1, 512])),
        "byte outside ASCII": lambda: with_line(b"\xe9\n", *one),
    }
    name = rng.choice([*changes, *["none"] * 12, "UTF-16", "UTF-32"])
    if name in changes:
        changed = changes[name]()
        return name, changed, read(changed)
    encodings = {"UTF-16": ["utf-16", "utf-16-le", "utf-16-be"], "UTF-32": ["utf-32"]}
    changed = text.encode(rng.choice(encodings[name]))
    return name, changed, REFUSED if text else ANY
