#!/usr/bin/env python3
"""Sample the demo's reads and contigs, with the truth beside them. Standard library only.

    scripts/collect_genomes.py GENOMES --table scripts/demo_genomes.tsv
    scripts/make_demo_reads.py GENOMES assets/demo [--seed 1]

``demo_genomes.tsv`` names the genomes, the package that each comes from, and how many reads and
contigs it gives; the first command fetches them. The output folder gets ``reads.fasta.gz``,
``truth.tsv`` and ``README.md``. The same genomes, options and seed give the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

LABEL_OF_CLASS = {"viral": "virus", "cellular": "non-virus"}
COMPLEMENT = str.maketrans("ACGT", "TGCA")
SUBSTITUTES = {"A": "CGT", "C": "AGT", "G": "ACT", "T": "ACG"}
TRUTH_COLUMNS = ("id", "kind", "label", "accession", "organism", "start", "end", "strand")
TRIES = 1000


@dataclass(frozen=True)
class Genome:
    """A genome to sample from.

    Attributes:
        label: virus or non-virus.
        is_family_trained: whether other genomes of its family are in the model's training set.
        source: package and file that it was taken from.
        counts: records to cut from it, by kind.
        sequence: upper case.
    """

    accession: str
    organism: str
    family: str
    is_family_trained: bool
    source: str
    label: str
    counts: dict[str, int]
    sequence: str


@dataclass(frozen=True)
class Kind:
    """Reads or contigs: how long they are and how many of their bases are wrong.

    Attributes:
        min_length: bases.
        max_length: bases; lengths between the two are as likely by order of magnitude.
        error_rate: substitutions per base.
    """

    name: str
    min_length: int
    max_length: int
    error_rate: float


KINDS = (Kind("read", 150, 150, 0.002), Kind("contig", 500, 5000, 0.0))


@dataclass(frozen=True)
class Piece:
    """A read or contig; ``start`` and ``end`` are 1-based, inclusive, on the plus strand."""

    kind: str
    genome: Genome
    start: int
    end: int
    strand: str
    sequence: str


def read_genomes(folder: Path, table: Path) -> list[Genome]:
    """The genomes of ``table``, in its order."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    genomes = []
    for row in rows:
        path = folder / row["class"] / f"{row['name']}.fasta.gz"
        if not path.is_file():
            raise SystemExit(
                f"error: {path} is not there; get it with scripts/collect_genomes.py {folder} "
                f"--table {table}"
            )
        lines = gzip.decompress(path.read_bytes()).decode("ascii").split("\n")
        if sum(line.startswith(">") for line in lines) != 1:
            raise SystemExit(f"error: {path}: must hold one sequence")
        genomes.append(
            Genome(
                accession=row["accession"],
                organism=row["organism"],
                family=row["family"],
                is_family_trained=row["split"] == "train",
                source=f"{row['package'].replace('==', ' ')} ({row['ecosystem']}) {row['member']}",
                label=LABEL_OF_CLASS[row["class"]],
                counts={kind.name: int(row[f"{kind.name}s"]) for kind in KINDS},
                sequence="".join(line for line in lines if not line.startswith(">")).upper(),
            )
        )
    return genomes


def sample(genomes: Sequence[Genome], seed: int) -> list[Piece]:
    """All reads in random order, then all contigs in random order."""
    rng = random.Random(seed)
    pieces = []
    for kind in KINDS:
        mine = [
            cut(genome, kind, rng) for genome in genomes for _ in range(genome.counts[kind.name])
        ]
        rng.shuffle(mine)
        pieces += mine
    return pieces


def cut(genome: Genome, kind: Kind, rng: random.Random) -> Piece:
    """A piece from a uniform place of either strand, without N, with substitutions."""
    if len(genome.sequence) < kind.max_length:
        raise SystemExit(f"error: {genome.accession} is shorter than {kind.max_length} bases")
    for _ in range(TRIES):
        length = round(kind.min_length * (kind.max_length / kind.min_length) ** rng.random())
        start = rng.randrange(len(genome.sequence) - length + 1)
        strand = rng.choice("+-")
        bases = genome.sequence[start : start + length]
        if set(bases) <= set("ACGT"):
            if strand == "-":
                bases = bases.translate(COMPLEMENT)[::-1]
            bases = "".join(
                rng.choice(SUBSTITUTES[base]) if rng.random() < kind.error_rate else base
                for base in bases
            )
            return Piece(kind.name, genome, start + 1, start + length, strand, bases)
    raise SystemExit(f"error: {genome.accession}: no stretch without N in {TRIES} tries")


def names_of(pieces: Sequence[Piece]) -> list[str]:
    """``read_001``, ``contig_001`` and so on: a name does not tell what the piece is of."""
    seen = dict.fromkeys((kind.name for kind in KINDS), 0)
    names = []
    for piece in pieces:
        seen[piece.kind] += 1
        names.append(f"{piece.kind}_{seen[piece.kind]:03d}")
    return names


def render_fasta(names: Iterable[str], pieces: Iterable[Piece]) -> str:
    """One line for the header and one for the sequence."""
    return "".join(f">{name}\n{p.sequence}\n" for name, p in zip(names, pieces, strict=True))


def render_truth(names: Iterable[str], pieces: Iterable[Piece]) -> str:
    """The truth table."""
    rows = ["\t".join(TRUTH_COLUMNS)]
    for name, p in zip(names, pieces, strict=True):
        values = (name, p.kind, p.genome.label, p.genome.accession, p.genome.organism)
        rows.append("\t".join((*values, str(p.start), str(p.end), p.strand)))
    return "\n".join(rows) + "\n"


def render_readme(genomes: Sequence[Genome], pieces: Sequence[Piece], seed: int) -> str:
    """Where the sample is from and how it was made."""
    table = "\n".join(
        f"| {g.label} | {g.organism} | {g.accession} | {g.family} | "
        f"{'yes' if g.is_family_trained else 'no'} | {len(g.sequence):,} | {g.counts['read']} "
        f"| {g.counts['contig']} | {g.source} |"
        for g in genomes
    )
    reads, contigs = (sum(p.kind == kind.name for p in pieces) for kind in KINDS)
    viral = sum(p.genome.label == "virus" for p in pieces)
    bases = sum(len(p.sequence) for p in pieces)
    read, contig = KINDS
    return f"""# The demo's sample

{reads} reads of {read.min_length} bases and {contigs} contigs of {contig.min_length:,} to \
{contig.max_length:,} bases ({bases:,} bases together), as of a
sample of a host with its bacteria, some viruses and some phages: {viral} of the \
{len(pieces)} records are viral.
A program cut them from public genomes: the sequences are real, the errors and the mixture are made.

- `reads.fasta.gz`: the reads in random order, then the contigs; a header does not tell of what.
- `truth.tsv`: id, kind (read or contig), label (virus or non-virus), accession, organism, start
  and end (1-based, inclusive, on the plus strand), strand.

None of these genomes is in the bundled model's training set, and neither are others of their
families, but where the table says so.

| label | organism | accession or name | family | family in training | bases | reads | contigs \
| taken from |
|---|---|---|---|---|---|---|---|---|
{table}

How it was made:

    scripts/collect_genomes.py build/demo-genomes --table scripts/demo_genomes.tsv
    scripts/make_demo_reads.py build/demo-genomes assets/demo --seed {seed}

`scripts/demo_genomes.tsv` has the SHA-256 of every genome and says how many records it gives. A
piece begins anywhere in its genome (uniform), comes from either strand with equal chance, and holds
no N; lengths of contigs are uniform on a logarithmic scale. In reads each base is replaced by
another one with probability {read.error_rate:g}; contigs, which an assembler makes of many reads,
are without errors. The same genomes and seed give the same bytes.

What to know when reading an accuracy on it: the label is that of the genome. A bacterial genome
holds prophages, and that of an animal or plant the remains of viruses: a piece of one is labelled
non-virus here, though its sequence is a virus's.
"""


def write_outputs(
    output: Path, genomes: Sequence[Genome], pieces: Sequence[Piece], seed: int
) -> None:
    """Write sequences, truth and README into ``output``."""
    names = names_of(pieces)
    output.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(render_fasta(names, pieces).encode())
    (output / "reads.fasta.gz").write_bytes(buffer.getvalue())
    (output / "truth.tsv").write_text(render_truth(names, pieces), encoding="utf-8")
    (output / "README.md").write_text(render_readme(genomes, pieces, seed), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description="Sample the demo's reads and contigs.")
    parser.add_argument("genomes", type=Path, help="folder that collect_genomes.py filled")
    parser.add_argument("output", type=Path, help="folder to write into")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--table", type=Path, default=Path(__file__).with_name("demo_genomes.tsv"),
        help="genomes, and how many reads and contigs each gives",
    )  # fmt: skip
    options = parser.parse_args(argv)
    genomes = read_genomes(options.genomes, options.table)
    pieces = sample(genomes, options.seed)
    write_outputs(options.output, genomes, pieces, options.seed)
    print(f"{len(pieces)} records of {len(genomes)} genomes in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
