"""DNABERT-S on packed tokens, without padding.

Zhou et al. 2024, "DNABERT-S: pioneering species differentiation with species-aware DNA
embeddings", arXiv:2402.08777. The architecture is MosaicBERT (Portes et al. 2023,
arXiv:2312.17482): ALiBi instead of position embeddings, gated feed-forward, post-norm.
Shapes: ``T`` tokens, ``D`` width, ``H`` heads, ``d`` width of a head, ``F`` feed-forward width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor, nn

from virnucpro_core.models._attention import plan_attention
from virnucpro_core.models._config import DnabertSConfig
from virnucpro_core.models._encoder import Encoder, empty_embedding
from virnucpro_core.models._layout import PackedAttention, PackedLayout

__all__ = ["DnabertS"]

_NORM_EPSILON = 1e-12


class DnabertS(Encoder):
    """DNABERT-S, any layer; layer 0 is the normed token embeddings.

    Args:
        config: its shape.
        name: name of its weights.
    """

    pooled_special_tokens = True

    def __init__(self, config: DnabertSConfig, name: str = "dnabert_s") -> None:
        layers: list[nn.Module] = [_DnabertSLayer(config) for _ in range(config.n_layers)]
        super().__init__(name, config.width, layers)
        self.config = config
        self.token_embedding = empty_embedding(config.vocabulary_size, config.width)
        # BERT's embedding of segment 0, which every token here belongs to.
        self.token_type_embedding = nn.Parameter(torch.zeros(config.width))
        self.embedding_norm = nn.LayerNorm(config.width, eps=_NORM_EPSILON)
        self._initialise()

    def _embed(self, tokens: Tensor, layout: PackedLayout) -> Tensor:
        x: Tensor = self.embedding_norm(self.token_embedding(tokens) + self.token_type_embedding)
        return x

    def _attention(self, layout: PackedLayout, dtype: torch.dtype) -> PackedAttention:
        n_heads = self.config.n_heads
        return plan_attention(
            self.attention_backend,
            layout,
            dtype,
            n_heads=n_heads,
            head_width=self.config.width // n_heads,
            alibi=True,
        )


class _DnabertSLayer(nn.Module):
    """Post-norm transformer layer with a gated feed-forward part."""

    def __init__(self, config: DnabertSConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.attention_out = nn.Linear(config.width, config.width)
        self.attention_norm = nn.LayerNorm(config.width, eps=_NORM_EPSILON)
        self.gate_and_up = nn.Linear(config.width, 2 * config.feed_forward_width, bias=False)
        self.down = nn.Linear(config.feed_forward_width, config.width)
        self.feed_forward_norm = nn.LayerNorm(config.width, eps=_NORM_EPSILON)

    def forward(self, x: Tensor, attention: PackedAttention) -> Tensor:
        """[T, D] to [T, D]."""
        n_tokens, width = x.shape
        qkv = self.qkv(x).view(n_tokens, 3, self.n_heads, width // self.n_heads)
        x = self.attention_norm(x + self.attention_out(attention(qkv)))
        gate, up = self.gate_and_up(x).chunk(2, dim=-1)  # [T, F] each
        normed: Tensor = self.feed_forward_norm(x + self.down(F.gelu(gate) * up))
        return normed
