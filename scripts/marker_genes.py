#!/usr/bin/env python3
"""Add marker genes to the collected genomes: ``marker_genes.py GENOMES [--cache FOLDER]``.

GENOMES is what ``collect_genomes.py`` made. Debian's package of MetaPhlAn's markers has genes of
some thousand viruses and some ten thousand other genomes, without names: ``GeneID:`` stands for
genes of viruses, an accession of RefSeq for the rest. They are for training only, so every gene
that could tell about the validation or test genomes is left out:

- of a virus (genes with neighbouring numbers), all genes when a fifth of them is like a protein of
  a held-out virus (DIAMOND, e-value up to 1e-5), else the genes that are;
- of another genome (genes of one accession), all genes when 3 % of their protein 10-mers are in a
  held-out genome of cells, else the genes of which a tenth is;
- genes of cells that are like a viral gene (DIAMOND, identity from 40 %, e-value up to 1e-10).

GENOMES gets ``viral/markers_*.fasta.gz``, ``cellular/markers_*.fasta.gz``, some dozen files to
which whole viruses and genomes are assigned by a digest, and ``model_sheet.tsv``: the sheet with
them in it. Needs ``diamond`` (Debian's diamond-aligner) and 8 GiB of memory.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from collect_genomes import fetch, run, write_fasta
from numpy.typing import NDArray
from package_sequences import Record, open_members, read_records
from protein_kmers import held_out_kmers, protein_kmers, translated

from virnucpro_core.training._sketch import is_among

PACKAGE = "metaphlan2-data==2.6.0+ds-4"
MEMBER = "var/lib/metaphlan2-data/markers.fasta"
SHORTEST = 150
"""Bases; shorter genes have few windows."""

PROKARYOTE_SHARES = ((0.3, 1), (0.45, 2))
"""Of the genes of bacteria and archaea that are taken, drawn twice: share and seed."""

FARTHEST_NUMBERS = 50
"""Genes of one virus have NCBI Gene's numbers next to each other."""

FILES = {"viral": 40, "prok": 20, "euk": 8}
STOPS = {b"TAA", b"TAG", b"TGA"}


@dataclass(frozen=True, slots=True)
class Gene:
    """A marker gene; its id is what stands in the package."""

    id: str
    letters: bytes

    @property
    def is_coding(self) -> bool:
        """Whole codons without a stop before the last."""
        letters = self.letters
        return len(letters) % 3 == 0 and not any(
            letters[i : i + 3] in STOPS for i in range(0, len(letters) - 3, 3)
        )


def gene_kmers(gene: Gene) -> NDArray[np.uint64]:
    """K-mers of the gene's protein."""
    return protein_kmers(translated(gene.letters))


def read_genes(archive: Path) -> dict[str, list[Gene]]:
    """The genes of viruses, of bacteria and archaea (a share of them), and of eukaryotes."""
    genes: dict[str, list[Gene]] = {kind: [] for kind in FILES}
    share, seed = PROKARYOTE_SHARES[0]
    draw = random.Random(seed)
    for _, stream in open_members(archive, {MEMBER}):
        for record in read_records(stream):
            kind = kind_of(record.id)
            if kind is None or (kind == "prok" and draw.random() > share):
                continue
            if len(record.letters) >= SHORTEST:
                genes[kind].append(Gene(record.id, record.letters))
    return genes


def kind_of(name: str) -> str | None:
    """What a gene is of, by its name; None for the few that do not say."""
    if name.startswith("GeneID"):
        return "viral"
    if not name.startswith("gi|"):
        return None
    return "euk" if accession(name)[:3] in ("XM_", "NM_") else "prok"


def accession(name: str) -> str:
    """``NC_000913.3`` of ``gi|…|ref|NC_000913.3|:…``."""
    return name.split("|")[3]


def genome_of(name: str) -> str:
    """Genes of bacteria and archaea with the same text here are of one genome."""
    mine = accession(name)
    return mine[:7] if mine.startswith("NZ_") else mine.split(".")[0][:9]


def viruses_of(genes: list[Gene]) -> dict[str, int]:
    """Number of the virus of each gene."""
    number = {gene.id: int(gene.id.split(":")[1]) for gene in genes}
    order = np.unique(list(number.values()))
    runs = np.concatenate([[0], np.cumsum(np.diff(order) > FARTHEST_NUMBERS)])
    run_of = dict(zip(order.tolist(), runs.tolist(), strict=True))
    return {name: run_of[n] for name, n in number.items()}


class Diamond:
    """Protein searches against the viral genes, in a folder of their own."""

    def __init__(self, folder: Path, viral: list[Gene]) -> None:
        self._folder = folder
        self._write_proteins("viral", viral)
        self._run("makedb", "--in", "viral.faa", "--db", "viral")

    def viral_genes_like(self, genomes: list[Path]) -> set[str]:
        """Ids of viral genes that are like a protein of these viruses."""
        with (self._folder / "genomes.fna").open("wb") as file:
            for path in genomes:
                with gzip.open(path) as stream:
                    for number, record in enumerate(read_records(stream)):
                        for at in range(0, len(record.letters), 3_000):
                            piece = record.letters[at : at + 3_300]
                            file.write(f">{path.name}__{number}_{at}\n".encode() + piece + b"\n")
        options = ["--max-target-seqs", "2000", "--evalue", "1e-5"]
        return {subject for _, subject in self._search("blastx", "genomes.fna", options)}

    def genes_like_viral_ones(self, genes: list[Gene]) -> set[str]:
        """Ids of those of ``genes`` that are like a viral gene."""
        self._write_proteins("genes", genes)
        options = ["--max-target-seqs", "1", "--evalue", "1e-10", "--id", "40"]
        return {query for query, _ in self._search("blastp", "genes.faa", options)}

    def _write_proteins(self, name: str, genes: list[Gene]) -> None:
        with (self._folder / f"{name}.faa").open("w", encoding="latin-1") as file:
            for gene in genes:
                protein = translated(gene.letters).tobytes().decode().rstrip("*")
                if "*" not in protein:
                    file.write(f">{gene.id}\n{protein}\n")

    def _search(self, program: str, query: str, options: list[str]) -> Iterator[tuple[str, str]]:
        self._run(
            program, "--query", query, "--db", "viral", "--out", "hits.tsv",
            "--outfmt", "6", "qseqid", "sseqid", *options,
        )  # fmt: skip
        with (self._folder / "hits.tsv").open(encoding="latin-1") as file:
            for line in file:
                one, other = line.split()
                yield one, other

    def _run(self, *words: str) -> None:
        run(["diamond", *words, "--quiet"], "markers", self._folder)


def select_viral(genes: list[Gene], like_held_out: set[str]) -> list[tuple[int, Gene]]:
    """Virus and gene, without those that could tell about a held-out virus."""
    virus = viruses_of(genes)
    n_genes = Counter(virus.values())
    n_alike = Counter(virus[name] for name in like_held_out)
    kept = []
    for gene in genes:
        mine = virus[gene.id]
        is_kin = 0 < n_alike[mine] >= 0.2 * n_genes[mine]
        if not is_kin and gene.id not in like_held_out and gene.is_coding:
            kept.append((mine, gene))
    return kept


def select_cellular(
    genes: dict[str, list[Gene]], like_viral: set[str], held_out: NDArray[np.uint64]
) -> dict[tuple[str, str], list[Gene]]:
    """Genes by kind and genome, without those that could tell about a held-out genome."""
    share, seed = PROKARYOTE_SHARES[1]
    draw = random.Random(seed)
    of_genome: dict[tuple[str, str], list[Gene]] = defaultdict(list)
    for kind in ("prok", "euk"):
        for gene in genes[kind]:
            if gene.id in like_viral or not gene.is_coding:
                continue
            if kind == "euk" or draw.random() <= share:
                of_genome[kind, genome_of(gene.id)].append(gene)
    kept: dict[tuple[str, str], list[Gene]] = {}
    for (kind, genome), mine in sorted(of_genome.items()):
        kmers = [gene_kmers(gene) for gene in mine]
        known = [is_among(each, held_out) for each in kmers]
        every = np.concatenate(known)
        if kind == "prok" and len(every) and every.mean() > 0.03:
            continue
        kept[kind, genome] = [
            gene for gene, hit in zip(mine, known, strict=True) if not len(hit) or hit.mean() <= 0.1
        ]
    return kept


def write_files(
    viral: list[tuple[int, Gene]],
    cellular: dict[tuple[str, str], list[Gene]],
    output: Path,
) -> list[tuple[str, str, str]]:
    """Write the genes and return the sheet's rows: file, label, group."""
    files: dict[tuple[str, int], list[Gene]] = defaultdict(list)
    for (kind, genome), genes in cellular.items():
        for gene in genes:
            # Eukaryotic genes are transcripts, each an accession of its own.
            text = repr((kind, genome)) if kind == "prok" else gene.letters.decode()
            files[kind, number_of(text, FILES[kind])].append(gene)
    for virus, gene in viral:
        files["viral", number_of(str(virus), FILES["viral"])].append(gene)
    rows = []
    for (kind, number), genes in sorted(files.items()):
        folder, label = ("viral", "virus") if kind == "viral" else ("cellular", "others")
        file = f"{folder}/markers_{kind}_{number:02d}.fasta.gz"
        records = (Record(f"{kind}_{number}_{i}", gene.letters) for i, gene in enumerate(genes))
        write_fasta(output / file, records)
        rows.append((file, label, f"markers {kind} {number:02d}"))
    return rows


def number_of(text: str, n: int) -> int:
    """A number below ``n`` that depends on the text alone."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % n


def main(
    genomes: Path,
    cache: Annotated[Path, typer.Option(help="Where packages are kept.")] = Path("build/packages"),
) -> None:
    """Add marker genes to the collected genomes."""
    sheet = genomes / "sheet.tsv"
    if not sheet.is_file():
        sys.exit(f"error: {sheet}: is not there; run collect_genomes.py first")
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    held_out = [row for row in rows if row["split"] != "train"]
    paths = {
        label: [genomes / row["file"] for row in held_out if row["label"] == label]
        for label in ("virus", "others")
    }
    genes = read_genes(fetch("debian", PACKAGE, cache))
    print("; ".join(f"{kind}: {len(mine)} genes" for kind, mine in genes.items()), flush=True)
    with tempfile.TemporaryDirectory() as name:
        diamond = Diamond(Path(name), genes["viral"])
        viral = select_viral(genes["viral"], diamond.viral_genes_like(paths["virus"]))
        like_viral = diamond.genes_like_viral_ones(genes["prok"])
    cellular = select_cellular(genes, like_viral, held_out_kmers(paths["others"]))
    added = write_files(viral, cellular, genomes)
    kept = Counter({"viral": len(viral)})
    for (kind, _), mine in cellular.items():
        kept[kind] += len(mine)
    print("; ".join(f"{kind}: {n} genes kept" for kind, n in kept.items()))
    lines = ["file\tlabel\tgroup\tsplit", *("\t".join((*row, "train")) for row in added)]
    lines += ["\t".join(row[c] for c in ("file", "label", "group", "split")) for row in rows]
    (genomes / "model_sheet.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{genomes / 'model_sheet.tsv'}: {len(lines) - 1} genomes and files of genes")


if __name__ == "__main__":
    try:
        typer.run(main)
    except subprocess.SubprocessError as error:
        sys.exit(f"error: {error}")
