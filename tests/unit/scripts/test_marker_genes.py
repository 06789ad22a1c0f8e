"""Marker genes that could tell about a held-out genome do not reach the training."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

CODONS = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
SENSE = [codon for codon in CODONS if codon not in ("TAA", "TAG", "TGA")]


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("marker_genes")


def coding(seed: int, n_codons: int = 100) -> bytes:
    rng = random.Random(seed)
    return ("ATG" + "".join(rng.choice(SENSE) for _ in range(n_codons)) + "TAA").encode()


def test_genes_are_told_apart_by_their_names(script: ModuleType) -> None:
    assert script.kind_of("GeneID:13827134") == "viral"
    assert script.kind_of("gi|86738724|ref|NC_007777.1|:c2405806-2405393") == "prok"
    assert script.kind_of("gi|1|ref|XM_001.2|:1-90") == "euk"
    assert script.kind_of("NC_002602.2") is None
    assert script.genome_of("gi|1|ref|NZ_KB891629.1|:c6456-5752") == "NZ_KB89"
    assert script.genome_of("gi|1|ref|NC_014408.1|:c9-1") == "NC_014408"


def test_genes_with_neighbouring_numbers_are_of_one_virus(script: ModuleType) -> None:
    genes = [script.Gene(f"GeneID:{n}", b"ATG") for n in (1_000, 1_050, 1_101, 7)]
    virus = script.viruses_of(genes)
    assert virus["GeneID:1000"] == virus["GeneID:1050"]
    assert len(set(virus.values())) == 3


def test_translation_and_k_mers_are_those_of_the_standard_code(script: ModuleType) -> None:
    gene = script.Gene("g", b"ATGGCTTGGTTTAAATGTGATGAACATATTAAA")  # MAWFKCDEHIK
    protein = ["ACDEFGHIKLMNPQRSTVWY".index(letter) for letter in "MAWFKCDEHIK"]
    words = [protein[0:10], protein[1:11]]
    expected = [sum(a * 20 ** (9 - i) for i, a in enumerate(word)) for word in words]
    assert script.gene_kmers(gene).tolist() == expected
    assert len(script.gene_kmers(script.Gene("g", gene.letters.replace(b"AAATGT", b"TAATGT")))) == 0


def test_viral_genes_like_a_held_out_virus_are_left_out(script: ModuleType) -> None:
    kin = [script.Gene(f"GeneID:{n}", coding(n)) for n in range(10)]
    other = [script.Gene(f"GeneID:{n}", coding(n)) for n in range(1_000, 1_010)]
    broken = script.Gene("GeneID:1010", b"ATGTAAGGG")
    like = {"GeneID:0", "GeneID:1", "GeneID:1003"}  # a fifth of the first virus, less of the other
    kept = script.select_viral([*kin, *other, broken], like)
    assert [gene.id for _, gene in kept] == [g.id for g in other if g.id != "GeneID:1003"]


def test_genes_of_cells_like_a_held_out_genome_or_a_virus_are_left_out(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "PROKARYOTE_SHARES", ((1.0, 1), (1.0, 2)))
    held = tmp_path / "held.fasta.gz"
    reverse = coding(1)[::-1].translate(bytes.maketrans(b"ACGT", b"TGCA"))
    held.write_bytes(gzip.compress(b">h\nGG" + reverse + b"N" + coding(2) + b"\n"))
    kmers = script.held_out_kmers([held])
    assert (np.diff(kmers.astype(object)) > 0).all()

    def named(accession: str, *seeds: int) -> list[object]:
        return [script.Gene(f"gi|{s}|ref|{accession}|:1-9", coding(s)) for s in seeds]

    genes = {
        "prok": [*named("NC_000001.1", 1, 3, 4), *named("NC_000002.1", 5, 6)],
        "euk": named("XM_000001.1", 2, 7),
    }
    kept = script.select_cellular(genes, {"gi|6|ref|NC_000002.1|:1-9"}, kmers)
    assert {key: [gene.letters for gene in mine] for key, mine in kept.items()} == {
        ("prok", "NC_000002"): [coding(5)],
        ("euk", "XM_000001"): [coding(7)],
    }


def test_all_genes_of_a_genome_are_in_one_file(script: ModuleType, tmp_path: Path) -> None:
    genes = [script.Gene(f"GeneID:{n}", coding(n)) for n in range(4)]
    rows = script.write_files([(n // 2, gene) for n, gene in enumerate(genes)], {}, tmp_path)
    assert all(label == "virus" and file.startswith("viral/") for file, label, _ in rows)
    texts = [gzip.decompress((tmp_path / file).read_bytes()) for file, _, _ in rows]
    for first, second in ((0, 1), (2, 3)):
        joined = [text.replace(b"\n", b"") for text in texts]
        (mine,) = [text for text in joined if genes[first].letters in text]
        assert genes[second].letters in mine
