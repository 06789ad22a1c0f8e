"""FracMinHash sketches of genomes: a fixed share of all k-mer hashes, the same for every genome.

A hash is in a sketch when it is among the lowest ``1 / scaled`` of all possible hashes, so the
share of one sketch that is in another estimates that share of the genomes' k-mers. For DNA at
nucleotide identity ``p`` it is about ``p ** k`` (Hera, Pierce-Ward and Koslicki 2023,
doi:10.1101/gr.277651.123). sourmash makes the hashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.training._extras import import_extra

__all__ = ["DNA_K", "PROTEIN_K", "Sketch", "dna_hashes", "is_among", "make_sketch", "thin"]

DNA_K = 21
"""Bases in a DNA k-mer."""

PROTEIN_K = 10
"""Amino acids in a protein k-mer."""

# Long pieces are hashed in parts, so that memory does not grow with the genome.
_PIECE = 1 << 20
_KNOWN_BASES = re.compile(rb"[ACGT]+")


@dataclass(frozen=True, slots=True)
class Sketch:
    """Hashes of a genome, each array ascending and without repeats.

    Attributes:
        dna: uint64, of DNA k-mers on either strand.
        protein: uint64, of the k-mers of all six translations.
        scaled: the share of hashes that is kept is one in ``scaled``.
    """

    dna: NDArray[np.uint64]
    protein: NDArray[np.uint64]
    scaled: int


def make_sketch(letters: NDArray[np.uint8], scaled: int) -> Sketch:
    """Sketch a genome.

    Args:
        letters: uint8, upper case; k-mers with another letter than A, C, G and T are left out, so
            records may lie end to end with an N between them.

    Raises:
        UsageError: sourmash is not installed.
    """
    sourmash = import_extra("sourmash")
    dna = sourmash.MinHash(n=0, ksize=DNA_K, scaled=scaled)
    protein = sourmash.MinHash(n=0, ksize=PROTEIN_K, scaled=scaled, is_protein=True)
    for _, piece in _pieces(letters, 3 * PROTEIN_K):
        dna.add_sequence(piece)
        protein.add_sequence(piece)
    return Sketch(_ascending(dna.hashes), _ascending(protein.hashes), scaled)


def dna_hashes(
    letters: NDArray[np.uint8],
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint64]]]:
    """Hashes of all DNA k-mers, piece by piece.

    Yields:
        First bases of the k-mers, int64, and their hashes, uint64.
    """
    maker = import_extra("sourmash").MinHash(n=0, ksize=DNA_K, scaled=1)
    for start, piece in _pieces(letters, DNA_K):
        hashes = np.array(maker.seq_to_hashes(piece), dtype=np.uint64)
        yield start + np.arange(len(hashes)), hashes


def thin(hashes: NDArray[np.uint64], scaled: int) -> NDArray[np.uint64]:
    """The hashes of a finer sketch that one of ``scaled`` keeps."""
    limit = import_extra("sourmash").MinHash(n=0, ksize=DNA_K, scaled=scaled)._max_hash
    return hashes[: int(np.searchsorted(hashes, np.uint64(limit), side="right"))]


def is_among(hashes: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which ``hashes`` are in ``known``, which is ascending: no sorting of millions each time."""
    if not len(known):
        return np.zeros(len(hashes), dtype=np.bool_)
    order = np.argsort(hashes)  # ascending needles find their place many times faster
    place = np.minimum(np.searchsorted(known, hashes[order]), len(known) - 1)
    found = np.empty(len(hashes), dtype=np.bool_)
    found[order] = known[place] == hashes[order]
    return found


def _pieces(letters: NDArray[np.uint8], longest_word: int) -> Iterator[tuple[int, str]]:
    """Stretches of A, C, G and T; neighbours share ``longest_word - 1`` letters, so no word is
    lost and none comes twice from one place."""
    for start in range(0, len(letters), _PIECE):
        part = letters[start : start + _PIECE + longest_word - 1].tobytes()
        for match in _KNOWN_BASES.finditer(part):
            if match.end() - match.start() >= longest_word:
                yield start + match.start(), match.group().decode()


def _ascending(hashes: object) -> NDArray[np.uint64]:
    return np.sort(np.fromiter(hashes, dtype=np.uint64))  # type: ignore[call-overload]
