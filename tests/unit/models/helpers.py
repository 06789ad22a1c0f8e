"""Random models, random sequences and packed batches for these tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from virnucpro_core.store import ByteStrings

if TYPE_CHECKING:
    import tokenizers

RESIDUES = "LAGVSERTIDPKQNFYMHWCXBUZO"


def randomise(module: nn.Module, seed: int, gain: float = 1.5) -> None:
    """Weights large enough that a wrong formula shows: a fresh model is close to doing nothing.

    Linear layers make their output about ``gain`` times as large as their input. Above 1 every
    layer also makes rounding errors larger.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: Tensor, std: float, mean: float = 0.0) -> None:
        tensor.copy_(mean + std * torch.randn(tensor.shape, generator=generator))

    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.Linear):
                normal(part.weight, gain / part.in_features**0.5)
                if part.bias is not None:
                    normal(part.bias, 0.3)
            elif isinstance(part, nn.Embedding):
                normal(part.weight, 1.0)
            elif isinstance(part, nn.LayerNorm):
                normal(part.weight, 0.2, mean=1.0)
                normal(part.bias, 0.2)


def proteins(lengths: Sequence[int], seed: int = 0) -> list[str]:
    """Random proteins of ``lengths`` residues."""
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(RESIDUES), size=length)) for length in lengths]


def byte_strings(strings: Sequence[str]) -> ByteStrings:
    return ByteStrings.from_iterable([string.encode("latin-1") for string in strings])


def pack(sequences: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Token rows to ``(tokens, cu_seqlens)``."""
    bounds = np.cumsum([0, *map(len, sequences)])
    return torch.cat(list(sequences)), torch.from_numpy(bounds)


def random_tokens(lengths: Sequence[int], vocabulary_size: int, seed: int = 0) -> list[Tensor]:
    """Rows of token ids between 4 and the vocabulary's size."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(4, vocabulary_size, (n,), generator=generator) for n in lengths]


def dna_tokenizer() -> tokenizers.Tokenizer:
    """A small byte-pair tokenizer with DNABERT-S's special tokens and their ids."""
    import tokenizers  # here, because the tests of tests/gpu run where it is not installed

    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    letters = ["A", "C", "G", "T", "AC", "GT", "ACGT", "TT", "TTTT"]
    vocabulary = {token: i for i, token in enumerate(special + letters)}
    merges = [("A", "C"), ("G", "T"), ("AC", "GT"), ("T", "T"), ("TT", "TT")]
    model = tokenizers.models.BPE(vocab=vocabulary, merges=merges, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(special)
    return tokenizer


def max_difference(a: Tensor, b: Tensor) -> float:
    """Largest absolute difference; the shapes must agree."""
    assert a.shape == b.shape
    return (a.double() - b.double()).abs().max().item()
