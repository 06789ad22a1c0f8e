"""K-mers of proteins as numbers, ascending arrays of them, and the standard genetic code."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from package_sequences import read_records

K = 10
"""Amino acids in a protein k-mer, as in ``virnucpro train data``."""

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY*"
STANDARD_CODE = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"


def codon_table() -> NDArray[np.uint64]:
    """Amino acid number of a codon, uint64 [125], letters numbered A, C, G, T, other."""
    table = np.full(125, AMINO_ACIDS.index("*"), dtype=np.uint64)
    for number, amino_acid in enumerate(STANDARD_CODE):
        first, second, third = ("ACGT".index("TCAG"[number // d % 4]) for d in (16, 4, 1))
        table[25 * first + 5 * second + third] = AMINO_ACIDS.index(amino_acid)
    return table


CODONS = codon_table()
NUMBERS = np.full(256, 4, dtype=np.uint8)
NUMBERS[np.frombuffer(b"ACGT", dtype=np.uint8)] = np.arange(4)


def translated(numbers: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Amino acid numbers of the full codons of letter numbers."""
    codons = numbers[: len(numbers) // 3 * 3].reshape(-1, 3).astype(np.int64)
    return CODONS[25 * codons[:, 0] + 5 * codons[:, 1] + codons[:, 2]]


def protein_kmers(protein: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers of the k-mers of amino acids without a stop or an unknown codon."""
    n = len(protein) - K + 1
    if n < 1:
        return np.zeros(0, dtype=np.uint64)
    kmers, known = np.zeros(n, dtype=np.uint64), np.ones(n, dtype=np.bool_)
    for i in range(K):
        kmers = kmers * np.uint64(20) + protein[i : n + i]
        known &= protein[i : n + i] < 20
    return kmers[known]


def held_out_kmers(paths: list[Path]) -> NDArray[np.uint64]:
    """K-mers of all six translations of genomes, ascending, each once."""
    found = [np.zeros(0, dtype=np.uint64)]
    for path in paths:
        with gzip.open(path) as file:
            letters = b"N".join(record.letters for record in read_records(file))
        forward = NUMBERS[np.frombuffer(letters, dtype=np.uint8)]
        reverse = np.where(forward[::-1] < 4, 3 - forward[::-1], 4).astype(np.uint8)
        found += [
            np.unique(protein_kmers(translated(strand[frame:])))
            for strand in (forward, reverse)
            for frame in range(3)
        ]
    return np.unique(np.concatenate(found))


def is_among(kmers: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which k-mers are in ``known``, which is ascending."""
    if not len(known):
        return np.zeros(len(kmers), dtype=np.bool_)
    place = np.minimum(np.searchsorted(known, kmers), len(known) - 1)
    return known[place] == kmers
