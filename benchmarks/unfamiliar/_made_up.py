"""Sequences that no organism has, of kinds that no model is fitted to: adapters, and codons in
another order."""

from __future__ import annotations

import numpy as np

__all__ = ["ADAPTERS", "adapters", "shuffled_codons"]

ADAPTERS = (
    "AGATCGGAAGAGCACACGTCTGAACTCCAGTCA",
    "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGT",
    "AATGATACGGCGACCACCGAGATCTACAC",
    "ACACTCTTTCCCTACACGACGCTCTTCCGATCT",
    "CAAGCAGAAGACGGCATACGAGAT",
    "GTGACTGGAGTTCAGACGTGTGCTCTTCCGATCT",
    "CTGTCTCTTATACACATCT",
    "TCGTCGGCAGCGTCAGATGTGTATAAGAGACAG",
    "GTCTCGTGGGCTCGGAGATGTGTATAAGAGACAG",
    "TGGAATTCTCGGGTGCCAAGG",
    "GTTCAGAGTTCTACAGTCCGACGATC",
)
"""Oligonucleotides of Illumina's TruSeq, Nextera and small RNA kits ("Illumina Adapter Sequences",
document 1000000002694)."""

_COMPLEMENT = str.maketrans("ACGT", "TGCA")
_STOPS = frozenset({"TAA", "TAG", "TGA"})


def uniform(length: int, rng: np.random.Generator) -> str:
    """``length`` bases, each as likely as the others."""
    return "".join(rng.choice(list("ACGT"), length))


def adapters(length: int, rng: np.random.Generator) -> str:
    """Adapters one after another, of either strand, cut to ``length``."""
    pieces: list[str] = []
    n_bases = 0
    while n_bases < length:
        piece = ADAPTERS[rng.integers(len(ADAPTERS))]
        pieces.append(piece.translate(_COMPLEMENT)[::-1] if rng.random() < 0.5 else piece)
        n_bases += len(piece)
    return "".join(pieces)[:length]


def shuffled_codons(letters: str, rng: np.random.Generator) -> str:
    """The codons in another order, of that of the six frames with the fewest stops."""
    other = letters.translate(_COMPLEMENT)[::-1]
    frames = [(strand, offset) for strand in (letters, other) for offset in range(3)]
    strand, offset = min(frames, key=lambda frame: _n_stops(*frame))
    codons = _codons(strand, offset)
    order = rng.permutation(len(codons)).tolist()
    end = offset + 3 * len(codons)
    return strand[:offset] + "".join(codons[row] for row in order) + strand[end:]


def _n_stops(letters: str, offset: int) -> int:
    return sum(codon in _STOPS for codon in _codons(letters, offset))


def _codons(letters: str, offset: int) -> list[str]:
    return [letters[at : at + 3] for at in range(offset, len(letters) - 2, 3)]
