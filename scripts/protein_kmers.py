"""K-mers of proteins as numbers, and ascending arrays of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from package_sequences import read_records

from virnucpro_core.sequences._alphabet import AMINO_ACID, BASE_MASK, COMPLEMENT

K = 10
"""Amino acids in a protein k-mer, as in ``virnucpro train data``."""

AMINO_ACIDS = b"ACDEFGHIKLMNPQRSTVWY"
_UNKNOWN = len(AMINO_ACIDS)
_NUMBER = np.full(256, _UNKNOWN, dtype=np.uint64)
_NUMBER[np.frombuffer(AMINO_ACIDS, dtype=np.uint8)] = np.arange(len(AMINO_ACIDS))
# A letter that stands for several bases is no letter here: its codons are X.
_BASES_ONLY = bytes(i if chr(i) in "ACGT" else ord("-") for i in range(256))


def translated(letters: bytes) -> NDArray[np.uint8]:
    """Amino acid letters of the full codons; X for one with another letter than A, C, G and T."""
    codons = letters[: len(letters) // 3 * 3].translate(_BASES_ONLY).translate(BASE_MASK)
    masks = np.frombuffer(codons, dtype=np.uint8).reshape(-1, 3).astype(np.intp)
    return AMINO_ACID[masks[:, 0] << 8 | masks[:, 1] << 4 | masks[:, 2]]


def protein_kmers(protein: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Numbers of the k-mers of amino acid letters without a stop or an X."""
    numbers = _NUMBER[protein]
    n = len(numbers) - K + 1
    if n < 1:
        return np.zeros(0, dtype=np.uint64)
    kmers, known = np.zeros(n, dtype=np.uint64), np.ones(n, dtype=np.bool_)
    for i in range(K):
        kmers = kmers * np.uint64(len(AMINO_ACIDS)) + numbers[i : n + i]
        known &= numbers[i : n + i] < _UNKNOWN
    return kmers[known]


def held_out_kmers(paths: list[Path]) -> NDArray[np.uint64]:
    """K-mers of all six translations of genomes, ascending, each once."""
    found = [np.zeros(0, dtype=np.uint64)]
    for path in paths:
        with gzip.open(path) as file:
            letters = b"N".join(record.letters for record in read_records(file))
        found += [
            np.unique(protein_kmers(translated(strand[frame:])))
            for strand in (letters, letters.translate(COMPLEMENT)[::-1])
            for frame in range(3)
        ]
    return np.unique(np.concatenate(found))
