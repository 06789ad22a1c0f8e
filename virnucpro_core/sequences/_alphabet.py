"""Nucleotide letters, their complements and the standard genetic code as lookup tables.

A letter is a mask of four bits, one for each base that it can stand for (A 1, C 2, G 4, T 8; N is
15), so three letters make a codon of 12 bits. Tables over all 4,096 codons translate IUPAC codons
exactly: a codon whose every expansion gives one amino acid is that amino acid, else X.

Sources: IUPAC-IUB nucleotide codes (Cornish-Bowden 1985, doi:10.1093/nar/13.9.3021); NCBI genetic
code 1 (the standard code).
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

__all__ = ["AG", "AMINO_ACID", "BASE_MASK", "COMPLEMENT", "CT", "UPPER", "A", "T"]

_IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T",
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
A, C, G, T = 1, 2, 4, 8
AG, CT = A | G, C | T
"""Masks of the bases, and of those that purines (R) and pyrimidines (Y) stand for."""
_BIT = {"A": A, "C": C, "G": G, "T": T}
_MASKS = {letter: sum(_BIT[base] for base in bases) for letter, bases in _IUPAC.items()}

# Amino acids of the 64 codons in the order TTT, TTC, TTA, TTG, TCT, ... GGG, as NCBI prints code 1.
_CODE = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"


def _byte_table(values: dict[str, str]) -> bytes:
    table = bytearray(256)
    for letter, value in values.items():
        table[ord(letter)] = table[ord(letter.lower())] = ord(value)
    return bytes(table)


def _complements() -> dict[str, str]:
    pair = {"A": "T", "C": "G", "G": "C", "T": "A"}
    letter_of = {mask: letter for letter, mask in _MASKS.items() if letter != "U"}
    return {
        letter: letter_of[sum(_BIT[pair[base]] for base in bases)]
        for letter, bases in _IUPAC.items()
    }


def _codon_table() -> NDArray[np.uint8]:
    amino_acid = {"".join(c): a for c, a in zip(product("TCAG", repeat=3), _CODE, strict=True)}
    expansions = [[base for base, bit in _BIT.items() if mask & bit] for mask in range(16)]
    table = np.full(4096, ord("X"), dtype=np.uint8)
    for first, second, third in product(range(1, 16), repeat=3):
        codons = product(expansions[first], expansions[second], expansions[third])
        meanings = {amino_acid["".join(codon)] for codon in codons}
        if len(meanings) == 1:
            table[first << 8 | second << 4 | third] = ord(meanings.pop())
    return table


UPPER = _byte_table({letter: "T" if letter == "U" else letter for letter in _IUPAC})
"""For `bytes.translate`: the upper-case DNA letter (U becomes T); 0 for what is no nucleotide."""

COMPLEMENT = _byte_table(_complements())
"""For `bytes.translate`: the complement, IUPAC letters included; 0 for what is no nucleotide."""

BASE_MASK = _byte_table({letter: chr(mask) for letter, mask in _MASKS.items()})
"""For `bytes.translate`: the 4-bit mask of a letter; 0 for what is no nucleotide."""

AMINO_ACID = _codon_table()
"""uint8 [4096]: amino acid letter of a codon, its three masks side by side; ``*`` is a stop."""
