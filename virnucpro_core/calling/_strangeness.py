"""How strange frames are: whether their codons look like those of genomes or of random letters.

A classifier answers whatever it is asked, and embeddings do not tell: those of shuffled sequences
lie in the midst of those of genomes. Codons do. What an organism translates has other codons in its
frame than beside it; in shuffled letters all three phases look alike.

Shape letters: ``F`` frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._reliability import N_CODON_FREQUENCIES
from virnucpro_core.store import ByteStrings

if TYPE_CHECKING:
    from virnucpro_core.models import Classifier

__all__ = ["codon_frequencies", "strangeness"]

_PHASES = 3
_WORDS = 64
_BLOCK_FRAMES = 8192
_LETTER = np.full(256, -1, dtype=np.int64)
for _number, _letters in enumerate((b"Aa", b"Cc", b"Gg", b"TtUu")):
    _LETTER[list(_letters)] = _number


def codon_frequencies(nucleotides: ByteStrings) -> NDArray[np.float32]:
    """float32 [F, 192]: how often each of the 64 triplets is in each of a frame's three phases.

    First those of the frame itself, its codons; then those that begin one, and two bases later.
    Those of a phase add up to 1, or to 0 where it has no triplet of known bases.

    Args:
        nucleotides: of F frames, each beginning with a codon.
    """
    codes = _LETTER[nucleotides.data]
    owner = np.repeat(np.arange(len(nucleotides)), nucleotides.lengths)
    n = max(len(codes) - 2, 0)
    first, second, third = codes[:n], codes[1 : n + 1], codes[2 : n + 2]
    phase = (np.arange(n) - nucleotides.offsets[owner[:n]]) % _PHASES
    is_triplet = (owner[:n] == owner[2 : n + 2]) & (np.minimum(first, second) >= 0) & (third >= 0)
    cell = ((owner[:n] * _PHASES + phase) * _WORDS + 16 * first + 4 * second + third)[is_triplet]
    counts = np.bincount(cell, minlength=len(nucleotides) * N_CODON_FREQUENCIES)
    counts = counts.reshape(len(nucleotides), _PHASES, _WORDS)
    frequencies: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=2, keepdims=True), 1)
    return frequencies.reshape(len(nucleotides), N_CODON_FREQUENCIES).astype(np.float32)


def strangeness(nucleotides: ByteStrings, network: Classifier) -> NDArray[np.float32]:
    """float32 [F]: log-odds that frames are of random or shuffled letters, not of genomes.

    Args:
        nucleotides: of F frames, each beginning with a codon.
        network: of the bundle's `Reliability`.
    """
    blocks = [np.empty(0, np.float32)]
    for start in range(0, len(nucleotides), _BLOCK_FRAMES):
        block = nucleotides.slice(start, min(start + _BLOCK_FRAMES, len(nucleotides)))
        logits = network.logits(codon_frequencies(block))
        blocks.append((logits[:, 1] - logits[:, 0]).astype(np.float32))
    return np.concatenate(blocks)
