"""Random proteins and DNA, and a DNA tokenizer that needs no vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from virnucpro_core.models import PackedTokens
from virnucpro_core.store import ByteStrings

__all__ = ["StandInTokenizer", "random_strings"]

_LETTERS = {"protein": b"LAGVSERTIDPKQNFYMHWC", "dna": b"ACGT"}
_BASES_PER_TOKEN = 5
_FIRST_ID, _N_IDS = 5, 4091


def random_strings(kind: str, lengths: Sequence[int], seed: int = 0) -> ByteStrings:
    """``"protein"`` or ``"dna"`` of ``lengths`` letters."""
    rng = np.random.default_rng(seed)
    letters = np.frombuffer(_LETTERS[kind], dtype=np.uint8)
    counts = np.array(lengths, dtype=np.int64)
    return ByteStrings.from_lengths(rng.choice(letters, counts.sum()), counts)


@dataclass(frozen=True, slots=True)
class StandInTokenizer:
    """As many tokens as DNABERT-S's tokenizer would make, about, and ids that it knows.

    DNABERT-S's own vocabulary comes with a bundle, and the library that reads it may not be there.
    Every 5 bases are a token here, between two special ones.
    """

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        """Ids that depend on the bases."""
        lengths = strings.lengths // _BASES_PER_TOKEN + 2
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        # Where each token's bases begin; for the special tokens, bases that are read twice.
        places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        starts = np.repeat(strings.offsets[:-1], lengths) + places * _BASES_PER_TOKEN
        ids = np.zeros(len(starts), dtype=np.int64)
        for i in range(_BASES_PER_TOKEN):
            ids = 7 * ids + strings.data[np.minimum(starts + i, len(strings.data) - 1)]
        return PackedTokens((_FIRST_ID + ids % _N_IDS).astype(np.int32), offsets)
