"""Embeddings of codon pairs that are sums of embeddings of what the pairs are made of.

A table with a free row for each of the 4,096 pairs learns its training genomes by heart. Made of
4-mers, a codon and two amino acids, a row is learnt from all pairs that share these. When the
fitting is done the sums are plain rows, and nothing of this is needed to use them.

Shape letters: ``V`` tokens of the vocabulary, ``D`` width, ``T`` tokens, ``n`` sequences.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from numpy.typing import NDArray
from torch import Tensor, nn

from virnucpro_core.models import KmerTokenizer
from virnucpro_core.training._extras import import_extra

__all__ = ["CODON_PAIRS", "CodonPairTable"]

CODON_PAIRS = KmerTokenizer(k=6, stride=3)
"""A token for each pair of neighbouring codons of a frame."""

_DEVIATION = 0.3
"""Of the first embeddings of each part."""


class CodonPairTable(nn.Module):
    """Layer 0 of a DNA encoder: the normed embeddings of `CODON_PAIRS`, and their mean.

    Args:
        width: numbers of an embedding.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.parts = nn.ParameterList()
        self.special = nn.Parameter(
            _DEVIATION * torch.randn(len(KmerTokenizer.special_tokens), width)
        )
        numbers = _parts()
        self._names = tuple(numbers)
        for name, part in numbers.items():
            self.register_buffer(name, torch.from_numpy(part), persistent=False)
            self.parts.append(_DEVIATION * torch.randn(int(part.max()) + 1, width))
        self.norm = nn.LayerNorm(width, eps=1e-12)

    # nn.Module returns Any; with this the callers' types are checked.
    __call__: Callable[..., Tensor]

    def rows(self) -> Tensor:
        """The embeddings before the norm, [V, D]."""
        numbers = (self.get_buffer(name) for name in self._names)
        pairs = torch.stack([part[n] for part, n in zip(self.parts, numbers, strict=True)]).sum(0)
        return torch.cat([self.special, pairs])

    def forward(self, tokens: Tensor, cu_seqlens: Tensor) -> Tensor:
        """Mean normed embedding of each sequence, special tokens included.

        Args:
            tokens: [T].
            cu_seqlens: [n + 1].

        Returns:
            [n, D].
        """
        return F.embedding_bag(
            tokens.long(), self.norm(self.rows()), cu_seqlens[:-1].long(), mode="mean"
        )


def _parts() -> Mapping[str, NDArray[np.int64]]:
    """For each part its number in every pair, int64 [4096], pairs in the tokenizer's order."""
    letters = np.array(list(itertools.product(range(4), repeat=6)))

    def word(first: int, last: int) -> NDArray[np.int64]:
        powers = 4 ** np.arange(last - first)[::-1]
        return np.asarray(letters[:, first:last] @ powers, dtype=np.int64)

    codons = "".join(map("".join, itertools.product("ACGT", repeat=3)))
    amino_acids = list(import_extra("Bio.Seq").translate(codons))
    _, amino_acid = np.unique(amino_acids, return_inverse=True)
    n_amino_acids = amino_acid.max() + 1
    return {
        "first_4mer": word(0, 4),
        "middle_4mer": word(1, 5),
        "last_4mer": word(2, 6),
        "codon": word(0, 3),
        "amino_acids": amino_acid[word(0, 3)] * n_amino_acids + amino_acid[word(3, 6)],
    }
