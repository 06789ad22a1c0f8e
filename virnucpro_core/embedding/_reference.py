"""The reference engine, ``--engine v1``: how VirNucPro 1.0 embeds, to compare with.

Padded batches in fp32 by other implementations than ours: DNABERT-S one sequence at a time, ESM-2
by fair-esm in fair-esm's batches, and no sequence is embedded for another that is the same. The
weights are those of the bundle. Everything around it (shards, parts, files) is shared with the
packed engine, so that a difference between the two is one of the encoders. Shapes: ``T`` tokens
end to end, ``B`` sequences, ``L`` tokens of the longest, ``D`` width.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from virnucpro_core.embedding._blocks import BatchPlan
from virnucpro_core.embedding._fair_esm import (
    MOST_RESIDUES,
    TOKENS_PER_BATCH,
    FairEsm2,
    FairEsmTokenizer,
    plan_fair_esm,
)
from virnucpro_core.embedding._padded_dnabert import PaddedDnabert
from virnucpro_core.models import (
    DnabertS,
    Encoder,
    EncoderKind,
    Esm2,
    Esm2Tokenizer,
    Tokenizer,
    publish_dnabert_s,
    publish_esm2,
)

__all__ = ["ReferenceEncoder", "n_cut_off", "plan_alone", "reference_tokenizer"]


class _PaddedModel(Protocol):
    def __call__(self, ids: Tensor, mask: Tensor, *, layer: int) -> Tensor:
        """Ids int64 [B, L] and where they are tokens, bool [B, L], to [B, L, D] of ``layer``."""


class ReferenceEncoder(Encoder):
    """A padded encoder behind the call of the packed ones.

    Args:
        encoder: a packed encoder in fp32, whose weights this one takes over.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder.name, encoder.width, [])
        self.n_layers = encoder.n_layers
        self.pooled_special_tokens = encoder.pooled_special_tokens
        self._padded: _PaddedModel
        self._plan_padded: BatchPlan
        if isinstance(encoder, Esm2):
            state = publish_esm2(encoder.state_dict(), encoder.config)
            self._padded = FairEsm2(state, encoder.config)
            self._plan_padded, self._is_alone = plan_fair_esm, False
        elif isinstance(encoder, DnabertS):
            state = publish_dnabert_s(encoder.state_dict(), encoder.config)
            self._padded = PaddedDnabert(state, encoder.config)
            self._plan_padded, self._is_alone = plan_alone, True
        else:
            raise AssertionError(f"engine v1 has no {type(encoder).__name__}")

    def forward(self, tokens: Tensor, cu_seqlens: Tensor, *, layer: int | None = None) -> Tensor:
        """Embed a batch: [T] and [B + 1] to [T, D], as `Encoder.forward`, padded in between."""
        layer = self.n_layers if layer is None else layer
        lengths = cu_seqlens.diff().cpu()
        ids = torch.nn.utils.rnn.pad_sequence(
            list(torch.split(tokens.long(), lengths.tolist())),
            batch_first=True,
            padding_value=Esm2Tokenizer.pad_id,  # DNABERT-S looks at the mask alone
        )
        mask = torch.arange(ids.shape[1]) < lengths[:, None]
        mask = mask.to(ids.device)
        return self._padded(ids, mask, layer=layer)[mask]

    def plan(self, lengths: NDArray[np.int64], token_budget: int) -> list[NDArray[np.int64]]:
        """The original's batches; see `plan_fair_esm` and `plan_alone`."""
        return self._plan_padded(lengths, token_budget)

    def token_budget(self, wanted: int) -> int:
        """Tokens in a batch: ``wanted``, or the original's where that is 0; 1 is one sequence."""
        return 1 if self._is_alone else wanted or TOKENS_PER_BATCH


def plan_alone(lengths: NDArray[np.int64], token_budget: int) -> list[NDArray[np.int64]]:
    """A batch for each sequence, in input order, whatever the budget."""
    return list(np.arange(len(lengths)).reshape(-1, 1))


def reference_tokenizer(kind: EncoderKind, tokenizer: Tokenizer) -> Tokenizer:
    """The reference's tokenizer, in the place of ``tokenizer`` of a model.

    Raises:
        UsageError: ``kind`` is protein, and fair-esm is not installed.
    """
    return FairEsmTokenizer() if kind == "protein" else tokenizer


def n_cut_off(kind: EncoderKind, lengths: NDArray[np.int64]) -> int:
    """How many of the sequences (letters, int64 [n]) the reference embeds only the beginning of."""
    return int((lengths > MOST_RESIDUES).sum()) if kind == "protein" else 0
