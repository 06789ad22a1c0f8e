"""Records of each kind: of genomes that the model has not seen, and made up.

Shape letters: ``R`` records.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.prevalence._scored_records import Genome, draw_records
from benchmarks.unfamiliar._made_up import adapters, shuffled_codons
from virnucpro_core.calling import write_consensus
from virnucpro_core.cli import main as virnucpro
from virnucpro_core.models import Bundle
from virnucpro_core.store import FrameScores, RecordTable, read_scores, write_scores
from virnucpro_core.training import shuffled_letters, shuffled_pairs, uniform

__all__ = ["CELLS", "VIRUSES", "CalledRecords", "Record", "call_records", "records_of"]

VIRUSES, CELLS = "viruses", "cells"
_MOST_FRAMES = 10_000_000

_SHUFFLES: dict[str, Callable[[str, np.random.Generator], str]] = {
    "letters shuffled": lambda letters, rng: shuffled_letters(letters.encode(), rng).decode(),
    "pairs shuffled": lambda letters, rng: shuffled_pairs(letters.encode(), rng).decode(),
    "codons shuffled": shuffled_codons,
}
_DRAWN: dict[str, Callable[[int, np.random.Generator], str]] = {
    "random": lambda length, rng: uniform(length, rng).decode(),
    "adapters": adapters,
}


@dataclass(frozen=True, slots=True)
class Record:
    """A sequence.

    Attributes:
        kind: what it is.
        group: family or other kin; empty for what is made up.
        letters: A, C, G and T.
    """

    kind: str
    group: str
    letters: str


@dataclass(frozen=True, slots=True)
class CalledRecords:
    """``R`` records as they were called.

    Attributes:
        call: R words of `sequences.tsv`.
        tier: R words, with the reliability of the bundle.
        tier_without: R words, without it.
    """

    call: NDArray[np.str_]
    tier: NDArray[np.str_]
    tier_without: NDArray[np.str_]


def records_of(
    genomes: list[Genome], length: int, n_records: int, rng: np.random.Generator
) -> Iterator[Record]:
    """``n_records`` records, about, of each kind.

    Args:
        genomes: their kinds are what the table adds up by; ``viruses`` and ``cells`` are shuffled.
        length: of the records, in bases.
    """
    by_kind: dict[str, list[Record]] = {}
    for kind in sorted({genome.kind for genome in genomes}):
        mine = [genome for genome in genomes if genome.kind == kind]
        share = -(-n_records // len({genome.group for genome in mine}))
        by_kind[kind] = [
            Record(kind, genome.group, letters)
            for genome, letters in draw_records(mine, length, {True: share, False: share}, rng)
            if not letters.strip("ACGT")
        ]
        yield from by_kind[kind]
    for name, shuffle in _SHUFFLES.items():
        for kind in (VIRUSES, CELLS):
            natural = by_kind.get(kind, [])
            for row in rng.permutation(len(natural))[:n_records].tolist():
                yield Record(f"{kind}, {name}", "", shuffle(natural[row].letters, rng))
    for name, draw in _DRAWN.items():
        for _ in range(n_records):
            yield Record(name, "", draw(length, rng))


def call_records(
    records: list[Record], bundle: Bundle, prevalence: float, folder: Path
) -> CalledRecords:
    """Run the pipeline's commands on records, then call once more without the reliability."""
    folder.mkdir(parents=True, exist_ok=True)
    reads, scores = folder / "records.fasta", folder / "frames.scores"
    reads.write_text("".join(f">r{n}\n{record.letters}\n" for n, record in enumerate(records)))
    _virnucpro(
        "prepare", reads, "--model", bundle.path, "--sample", "records",
        "--shard-frames", _MOST_FRAMES, "--outdir", folder,
    )  # fmt: skip
    (shard,) = (folder / "shards").iterdir()
    for encoder in ("dna", "protein"):
        _virnucpro(
            "embed", shard, "--encoder", encoder, "--model", bundle.path,
            "--output", folder / f"{encoder}.emb",
        )  # fmt: skip
    _virnucpro(
        "classify", shard, "--dna", folder / "dna.emb", "--protein", folder / "protein.emb",
        "--model", bundle.path, "--output", scores,
    )  # fmt: skip
    plain = folder / "plain.scores"
    write_scores(_without_reliability(read_scores(scores)), plain)
    table = RecordTable.open(folder / "records.records.h5")
    calls = []
    for name, path in (("with", scores), ("without", plain)):
        write_consensus(table, [path], reads, folder / name, prevalence=prevalence)
        with (folder / name / "sequences.tsv").open(newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
        calls.append([np.array([row[column] for row in rows]) for column in ("call", "tier")])
    return CalledRecords(calls[0][0], calls[0][1], calls[1][1])


def _without_reliability(scores: FrameScores) -> FrameScores:
    return replace(scores, strangeness=None, limits=None)


def _virnucpro(*words: object) -> None:
    code = virnucpro([str(word) for word in words])
    if code:
        raise SystemExit(code)
