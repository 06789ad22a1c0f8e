"""DNA or protein: the letters that whole sequences may have, and how they are given to a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences._alphabet import UPPER
from virnucpro_core.store import ByteStrings

__all__ = ["MOLECULES", "clean_sequences"]

MOLECULES = ("dna", "protein")
"""Kinds of sequence that the encoders take."""

# The twenty, selenocysteine (U), pyrrolysine (O), and B, Z and X for what is not known exactly:
# all letters that ESM-2 has a token for. A stop at the end is taken off before this is asked.
_RESIDUES = "ACDEFGHIKLMNPQRSTVWYUOBZX"
_PROTEIN = bytes(
    ord(chr(byte).upper()) if chr(byte).upper() in _RESIDUES else 0 for byte in range(256)
)
_UPPER = {"dna": UPPER, "protein": _PROTEIN}

# A protein this long that has A, C, G and T (or U) and nothing else but N is not one: by chance,
# with uniform residues, once in 10^36 sequences.
_SUSPECT_LENGTH = 60
_BASES = frozenset("ACGTUN")


def clean_sequences(
    sequences: Sequence[str],
    ids: Sequence[str],
    molecule: str,
    *,
    source: str,
    first: int = 0,
    allow_nucleotides: bool = False,
) -> ByteStrings:
    """Sequences in upper case, with every letter checked.

    In DNA, U becomes T. A ``*`` at the end of a protein is its stop codon and is taken off.

    Args:
        sequences: n sequences; empty ones stay empty.
        ids: their n ids, for messages.
        molecule: one of `MOLECULES`.
        source: where they are from, for messages.
        first: number of the first sequence in ``source``, from 0.
        allow_nucleotides: take proteins that look like DNA.

    Raises:
        InputError: a letter is none of the molecule's, or a protein looks like DNA; names the
            first such sequence.
        UsageError: there is no such molecule.
    """
    if molecule not in MOLECULES:
        raise UsageError(f"no molecule {molecule!r}", remedy=f"use {' or '.join(MOLECULES)}")
    if molecule == "protein":
        sequences = [sequence.removesuffix("*") for sequence in sequences]
    # What is not Latin-1 becomes '?', which is no letter of either molecule.
    given = ByteStrings.from_iterable(s.encode("latin-1", "replace") for s in sequences)
    upper = given.data.tobytes().translate(_UPPER[molecule])
    letters: NDArray[np.uint8] = np.frombuffer(upper, dtype=np.uint8)
    bad = np.flatnonzero(letters == 0)
    if len(bad):
        row = int(np.searchsorted(given.offsets, bad[0], side="right")) - 1
        position = int(bad[0] - given.offsets[row])
        raise _not_a_letter(
            sequences[row][position],
            position,
            molecule,
            where=_where(source, first + row, ids[row]),
        )
    if molecule == "protein" and not allow_nucleotides:
        for row, sequence in enumerate(sequences):
            if _looks_like_dna(sequence):
                raise InputError(
                    "looks like DNA: it has A, C, G and T and no other letter",
                    where=_where(source, first + row, ids[row]),
                    remedy="choose the DNA encoder for DNA, or translate it first",
                )
    return ByteStrings(letters, given.offsets)


def _looks_like_dna(sequence: str) -> bool:
    if len(sequence) < _SUSPECT_LENGTH:
        return False
    letters = set(sequence.upper())
    return letters <= _BASES and {"A", "C", "G"} <= letters and not letters.isdisjoint("TU")


def _where(source: str, index: int, name: str) -> str:
    return f"{source}, record {index + 1} ({name})"


def _not_a_letter(character: str, position: int, molecule: str, *, where: str) -> InputError:
    if character in "-.":
        remedy = "remove the gaps of the alignment first"
    elif molecule == "dna":
        remedy = "give nucleotides (A, C, G, T, U and IUPAC letters), or choose the protein encoder"
    elif character == "*":
        remedy = "cut the sequence at its stop codons first"
    else:
        remedy = "give amino acids as single letters, X for those that are not known"
    what = "a nucleotide" if molecule == "dna" else "an amino acid"
    return InputError(
        f"has {character!r} at letter {position + 1}, which is not {what}",
        where=where,
        remedy=remedy,
    )
