#!/usr/bin/env python3
"""Sample the demo's reads from genomes, with the truth beside them. Standard library only.

    make_demo_reads.py GENOMES_DIR OUTPUT_DIR [--seed 1] [--subset DIR]

GENOMES_DIR holds ``viral/*.fasta.gz`` and ``cellular/*.fasta.gz``, one genome in each file, and
``provenance.tsv`` (in it or in the folder above) with the columns file, accession, organism and
source. OUTPUT_DIR gets ``reads.fasta.gz``, ``truth.tsv`` and ``README.md``. The same genomes,
options and seed give the same bytes.
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

LABEL_OF_FOLDER = {"viral": "virus", "cellular": "non-virus"}
COMPLEMENT = str.maketrans("ACGT", "TGCA")
SUBSTITUTES = {"A": "CGT", "C": "AGT", "G": "ACT", "T": "ACG"}
TRUTH_COLUMNS = ("id", "label", "accession", "organism", "start", "end", "strand")
TRIES = 1000


@dataclass(frozen=True)
class Genome:
    """A genome to sample from; ``sequence`` is upper case, ``label`` virus or non-virus."""

    accession: str
    organism: str
    source: str
    label: str
    sequence: str


@dataclass(frozen=True)
class Read:
    """A sampled read; ``start`` and ``end`` are 1-based, inclusive, on the forward strand."""

    genome: Genome
    start: int
    end: int
    strand: str
    sequence: str


@dataclass(frozen=True)
class Sampling:
    """How to sample: reads of each label, their lengths in bases, errors per base."""

    reads_per_label: int
    min_length: int
    max_length: int
    error_rate: float
    seed: int


def read_genomes(folder: Path) -> list[Genome]:
    """All genomes of ``folder``, viral ones first, each group by file name."""
    provenance = _read_provenance(folder)
    genomes = []
    for kind, label in LABEL_OF_FOLDER.items():
        files = sorted((folder / kind).glob("*.fasta.gz"))
        if not files:
            raise SystemExit(f"error: {folder / kind} has no *.fasta.gz")
        for file in files:
            row = provenance.get(f"{kind}/{file.name}")
            if row is None:
                raise SystemExit(f"error: {file}: provenance.tsv has no row for it")
            lines = gzip.decompress(file.read_bytes()).decode("ascii").split("\n")
            if sum(line.startswith(">") for line in lines) != 1:
                raise SystemExit(f"error: {file}: must hold one sequence")
            sequence = "".join(line.strip() for line in lines if not line.startswith(">")).upper()
            genomes.append(
                Genome(row["accession"], row["organism"], row["source"], label, sequence)
            )
    return genomes


def _read_provenance(folder: Path) -> dict[str, dict[str, str]]:
    """Rows by ``<viral|cellular>/<file>``."""
    for path in (folder / "provenance.tsv", folder.resolve().parent / "provenance.tsv"):
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
            mine = [r for r in rows if r["file"].split("/")[:-2] in ([], [folder.resolve().name])]
            return {"/".join(row["file"].split("/")[-2:]): row for row in mine}
    raise SystemExit(f"error: no provenance.tsv in {folder} or the folder above it")


def sample_reads(genomes: Sequence[Genome], sampling: Sampling) -> list[Read]:
    """Equal numbers of reads from the genomes of a label, in random order."""
    rng = random.Random(sampling.seed)
    reads = []
    for label in LABEL_OF_FOLDER.values():
        mine = [genome for genome in genomes if genome.label == label]
        each, rest = divmod(sampling.reads_per_label, len(mine))
        for i, genome in enumerate(mine):
            reads += [sample_read(genome, sampling, rng) for _ in range(each + (i < rest))]
    rng.shuffle(reads)
    return reads


def sample_read(genome: Genome, sampling: Sampling, rng: random.Random) -> Read:
    """One read from a uniform place of either strand, without N, with substitutions."""
    for _ in range(TRIES):
        length = rng.randint(sampling.min_length, sampling.max_length)
        start = rng.randrange(len(genome.sequence) - length + 1)
        strand = rng.choice("+-")
        bases = genome.sequence[start : start + length]
        if set(bases) <= set("ACGT"):
            if strand == "-":
                bases = bases.translate(COMPLEMENT)[::-1]
            bases = "".join(
                rng.choice(SUBSTITUTES[base]) if rng.random() < sampling.error_rate else base
                for base in bases
            )
            return Read(genome, start + 1, start + length, strand, bases)
    raise SystemExit(f"error: {genome.accession}: no window without N in {TRIES} tries")


def pick_subset(reads: Sequence[Read], reads_per_label: int) -> list[int]:
    """Rows of the first reads of every genome, equal numbers for each label."""
    rows = []
    for label in LABEL_OF_FOLDER.values():
        by_genome: dict[str, list[int]] = {}
        for row, read in enumerate(reads):
            if read.genome.label == label:
                by_genome.setdefault(read.genome.accession, []).append(row)
        ranked = [row for tier in zip(*by_genome.values(), strict=False) for row in tier]
        rows += ranked[:reads_per_label]
    return sorted(rows)


def render_fasta(names: Iterable[str], reads: Iterable[Read]) -> str:
    """One line for the header, which does not tell the label, and one for the sequence."""
    return "".join(f">{name}\n{r.sequence}\n" for name, r in zip(names, reads, strict=True))


def render_truth(names: Iterable[str], reads: Iterable[Read]) -> str:
    """The truth table."""
    rows = ["\t".join(TRUTH_COLUMNS)]
    for name, r in zip(names, reads, strict=True):
        values = (name, r.genome.label, r.genome.accession, r.genome.organism)
        rows.append("\t".join((*values, str(r.start), str(r.end), r.strand)))
    return "\n".join(rows) + "\n"


def render_readme(genomes: Sequence[Genome], reads: Sequence[Read], sampling: Sampling) -> str:
    """Where the reads are from and how they were made."""
    bases = sum(len(read.sequence) for read in reads)
    table = "\n".join(
        f"| {g.label} | {g.accession} | {g.organism} | {len(g.sequence):,} "
        f"| {sum(read.genome is g for read in reads)} | {g.source} |"
        for g in genomes
    )
    return f"""# Demo reads

{len(reads)} reads ({bases:,} bases) cut by a program from public genomes. They are not reads of a
sequencer: the sequences are real, the errors are simulated.

- `reads.fasta.gz`: the reads in random order; a header does not tell what the read is.
- `truth.tsv`: id, label (virus or non-virus), accession, organism, start and end (1-based,
  inclusive, on the forward strand), strand.

| label | accession | organism | bases | reads | taken from |
|---|---|---|---|---|---|
{table}

How they were made:

    python3 scripts/make_demo_reads.py GENOMES_DIR assets/demo --seed {sampling.seed}

Each genome of a label gives the same number of reads. A read is {sampling.min_length} to \
{sampling.max_length} bases long
(uniform), begins anywhere in the genome (uniform), comes from either strand with equal chance, and
holds no N; then each base is replaced by another one with probability {sampling.error_rate:g}. \
Genomes are taken
as linear. The script gives the same bytes for the same genomes and seed.

What to know when reading an accuracy on them:

- None of these genomes is in the training set of the demo bundle, but relatives of some are:
  other strains of *Escherichia coli*, other parts of the human and *Arabidopsis* genomes, other
  phages of *E. coli*. Good calls on such reads are easier to reach than on organisms that are new
  to the model.
- The label is that of the genome. A bacterial genome holds prophages: a read from one is labelled
  non-virus here, though its sequence is a phage's.
"""


def write_outputs(
    output: Path, genomes: Sequence[Genome], reads: Sequence[Read], sampling: Sampling
) -> None:
    """Write reads, truth and README into ``output``."""
    names = read_names(len(reads))
    output.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as file:
        file.write(render_fasta(names, reads).encode())
    (output / "reads.fasta.gz").write_bytes(buffer.getvalue())
    (output / "truth.tsv").write_text(render_truth(names, reads), encoding="utf-8")
    (output / "README.md").write_text(render_readme(genomes, reads, sampling), encoding="utf-8")


def read_names(n_reads: int) -> list[str]:
    """``read_0001`` and so on."""
    return [f"read_{number:04d}" for number in range(1, n_reads + 1)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description="Sample the demo's reads from genomes.")
    parser.add_argument("genomes", type=Path, help="folder with viral/ and cellular/ genomes")
    parser.add_argument("output", type=Path, help="folder to write into")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reads-per-label", type=int, default=300)
    parser.add_argument("--min-length", type=int, default=150, help="bases")
    parser.add_argument("--max-length", type=int, default=300, help="bases")
    parser.add_argument("--error-rate", type=float, default=0.002, help="substitutions per base")
    parser.add_argument("--subset", type=Path, help="also write reads.fasta, reads.truth.tsv here")
    parser.add_argument("--subset-reads-per-label", type=int, default=12)
    options = parser.parse_args(argv)
    sampling = Sampling(
        options.reads_per_label,
        options.min_length,
        options.max_length,
        options.error_rate,
        options.seed,
    )
    genomes = read_genomes(options.genomes)
    too_short = [g.accession for g in genomes if len(g.sequence) < sampling.max_length]
    if too_short:
        raise SystemExit(f"error: {too_short[0]} is shorter than {sampling.max_length} bases")
    reads = sample_reads(genomes, sampling)
    write_outputs(options.output, genomes, reads, sampling)
    if options.subset:
        rows = pick_subset(reads, options.subset_reads_per_label)
        names = [read_names(len(reads))[row] for row in rows]
        chosen = [reads[row] for row in rows]
        options.subset.mkdir(parents=True, exist_ok=True)
        (options.subset / "reads.fasta").write_text(render_fasta(names, chosen), "utf-8")
        (options.subset / "reads.truth.tsv").write_text(render_truth(names, chosen), "utf-8")
    print(f"{len(reads)} reads of {len(genomes)} genomes in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
