"""Made-up genomes and the files that they come in."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

CODONS = [
    a + b + c
    for a in "ACGT"
    for b in "ACGT"
    for c in "ACGT"
    if a + b + c not in ("TAA", "TAG", "TGA")
]


def bases(n: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), n))


def gene(n_codons: int, seed: int) -> str:
    """Codons without a stop."""
    return "".join(np.random.default_rng(seed).choice(CODONS, n_codons))


def mutated(letters: str, share: float, seed: int) -> str:
    """``letters`` with a share of them drawn again."""
    rng = np.random.default_rng(seed)
    array = np.array(list(letters))
    hit = rng.random(len(array)) < share
    array[hit] = rng.choice(list("ACGT"), int(hit.sum()))
    return "".join(array)


def complement(letters: str) -> str:
    return letters.translate(str.maketrans("ACGT", "TGCA"))[::-1]


def write_fasta(path: Path, *records: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f">r{i} record\n{record}\n" for i, record in enumerate(records, start=1))
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def genbank_text(
    accession: str, letters: str, features: Sequence[tuple[str, str, str]] = ()
) -> str:
    """A GenBank record.

    Args:
        features: key, location and qualifier lines of each feature.
    """
    name = accession.split(".")[0]
    lines = [
        f"LOCUS       {name:<16} {len(letters):>11} bp    DNA     linear   PHG 01-JAN-2020",
        "DEFINITION  made up.",
        f"ACCESSION   {name}",
        f"VERSION     {accession}",
        "FEATURES             Location/Qualifiers",
        f"     source          1..{len(letters)}",
        '                     /organism="nothing"',
    ]
    for key, location, qualifiers in features:
        lines.append(f"     {key:<15} {location}")
        lines += [f"                     {line}" for line in qualifiers.split("\n") if line]
    lines.append("ORIGIN")
    for start in range(0, len(letters), 60):
        row = letters[start : start + 60].lower()
        blocks = " ".join(row[i : i + 10] for i in range(0, len(row), 10))
        lines.append(f"{start + 1:>9} {blocks}")
    return "\n".join([*lines, "//", ""])


def write_genbank(
    path: Path, accession: str, letters: str, features: Sequence[tuple[str, str, str]] = ()
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(genbank_text(accession, letters, features))
    return path
