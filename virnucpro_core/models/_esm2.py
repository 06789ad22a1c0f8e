"""ESM-2 on packed tokens, without padding.

Lin et al. 2023, "Evolutionary-scale prediction of atomic-level protein structure with a language
model", doi:10.1126/science.ade2574. Shapes: ``T`` tokens, ``B`` sequences, ``D`` width, ``H``
heads, ``d`` width of a head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor, nn

from virnucpro_core.models._attention import plan_attention
from virnucpro_core.models._config import Esm2Config
from virnucpro_core.models._encoder import Encoder, empty_embedding
from virnucpro_core.models._layout import PackedAttention, PackedLayout
from virnucpro_core.models._tokenizers import Esm2Tokenizer

__all__ = ["Esm2"]

# ESM-2 was trained with 15 % of the tokens chosen, 80 % of those replaced by the mask, and the
# mask's embedding set to zero: the sum of what reaches the first layer is scaled as in training.
_MASKED_IN_TRAINING = 0.15 * 0.8


class Esm2(Encoder):
    """ESM-2, any size, any layer.

    The outputs are those that fair-esm calls representations: layer 0 is the scaled token
    embeddings, the last layer includes the final layer norm.

    Args:
        config: its shape.
        name: name of its weights.
    """

    pooled_special_tokens = False

    def __init__(self, config: Esm2Config, name: str = "esm2") -> None:
        super().__init__(name, config.width, [_Esm2Layer(config) for _ in range(config.n_layers)])
        self.config = config
        self.token_embedding = empty_embedding(Esm2Tokenizer.vocabulary_size, config.width)
        self.final_norm = nn.LayerNorm(config.width)
        self._initialise()

    def _embed(self, tokens: Tensor, layout: PackedLayout) -> Tensor:
        masked = tokens == Esm2Tokenizer.mask_id
        n_masked = torch.zeros_like(layout.lengths).index_add_(
            0, layout.sequence_index, masked.to(layout.lengths.dtype)
        )
        # The clamp only matters to a sequence of nothing but masks, whose embeddings are all zero.
        n_seen = (layout.lengths - n_masked).clamp(min=1)
        scale = (1 - _MASKED_IN_TRAINING) * (layout.lengths / n_seen)
        x: Tensor = self.token_embedding(tokens)
        scale = scale[layout.sequence_index].masked_fill(masked, 0.0)
        return x * scale.to(x.dtype)[:, None]

    def _attention(self, layout: PackedLayout, dtype: torch.dtype) -> PackedAttention:
        n_heads = self.config.n_heads
        return plan_attention(
            self.attention_backend,
            layout,
            dtype,
            n_heads=n_heads,
            head_width=self.config.width // n_heads,
            rotary=True,
        )

    def _finish(self, x: Tensor) -> Tensor:
        normed: Tensor = self.final_norm(x)
        return normed


class _Esm2Layer(nn.Module):
    """Pre-norm transformer layer."""

    def __init__(self, config: Esm2Config) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.attention_out = nn.Linear(config.width, config.width)
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.up = nn.Linear(config.width, config.feed_forward_width)
        self.down = nn.Linear(config.feed_forward_width, config.width)

    def forward(self, x: Tensor, attention: PackedAttention) -> Tensor:
        """[T, D] to [T, D]."""
        n_tokens, width = x.shape
        qkv = self.qkv(self.attention_norm(x))
        qkv = qkv.view(n_tokens, 3, self.n_heads, width // self.n_heads)
        x = x + self.attention_out(attention(qkv))
        fed_forward: Tensor = self.down(F.gelu(self.up(self.feed_forward_norm(x))))
        return x + fed_forward
