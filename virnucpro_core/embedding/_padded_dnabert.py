"""DNABERT-S in padded batches: how it is run without packing.

MosaicBERT (Portes et al. 2023, arXiv:2312.17482): post-norm, ALiBi (Press et al. 2022,
arXiv:2108.12409) instead of position embeddings, gated feed-forward. Works on the published tensor
names. Shapes: ``B`` sequences, ``L`` tokens of the longest, ``H`` heads, ``D`` width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor

from virnucpro_core.models import DnabertSConfig

__all__ = ["PaddedDnabert"]

_NORM_EPSILON = 1e-12


class PaddedDnabert:
    """DNABERT-S, any layer; layer 0 is the normed token embeddings.

    Args:
        state: tensors by their published names, all on one device.
        config: shape of the encoder.
    """

    def __init__(self, state: Mapping[str, Tensor], config: DnabertSConfig) -> None:
        self._state = state
        self._config = config
        self._slopes = torch.tensor(_slopes(config.n_heads))

    def __call__(self, ids: Tensor, mask: Tensor, *, layer: int | None = None) -> Tensor:
        """Ids int64 [B, L], mask bool [B, L] (True where a token is), to [B, L, D].

        ``layer`` is the one whose output is given, None the last.
        """
        state = self._state
        types = state["embeddings.token_type_embeddings.weight"][0]
        x = F.embedding(ids, state["embeddings.word_embeddings.weight"]) + types
        x = self._norm(x, "embeddings.LayerNorm")
        places = torch.arange(ids.shape[1], device=ids.device)
        distances = (places[:, None] - places).abs()
        bias = -self._slopes.to(ids.device)[:, None, None] * distances  # [H, L, L]
        bias = bias.masked_fill(~mask[:, None, None, :], -math.inf)  # [B, H, L, L]
        for i in range(self._config.n_layers if layer is None else layer):
            name = f"encoder.layer.{i}"
            attended = self._attention(x, f"{name}.attention.self.Wqkv", bias)
            attended = self._linear(attended, f"{name}.attention.output.dense")
            x = self._norm(attended + x, f"{name}.attention.output.LayerNorm")
            gate, up = F.linear(x, state[f"{name}.mlp.gated_layers.weight"]).chunk(2, dim=-1)
            fed_forward = self._linear(F.gelu(gate) * up, f"{name}.mlp.wo")
            x = self._norm(fed_forward + x, f"{name}.mlp.layernorm")
        return x

    def _attention(self, x: Tensor, name: str, bias: Tensor) -> Tensor:
        n_sequences, length, width = x.shape
        n_heads = self._config.n_heads
        qkv = self._linear(x, name).view(n_sequences, length, 3, n_heads, width // n_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # [B, H, L, d] each
        # In steps, as the published code computes it on a CPU.
        scores = query @ key.transpose(2, 3) / math.sqrt(width // n_heads) + bias
        attended: Tensor = scores.softmax(-1) @ value
        return attended.transpose(1, 2).reshape(n_sequences, length, width)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self._state[f"{name}.weight"], self._state[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._state[f"{name}.weight"], self._state[f"{name}.bias"]
        return F.layer_norm(x, weight.shape, weight, bias, _NORM_EPSILON)


def _slopes(n_heads: int) -> list[float]:
    """Powers of 2^(-8 / p), p the power of two below; further heads lie half-way between."""
    power = 2 ** int(math.log2(n_heads))
    between = range(1, 2 * (n_heads - power), 2)
    exponents = [8 * (i + 1) / power for i in range(power)] + [8 * i / (2 * power) for i in between]
    return [2.0**-exponent for exponent in exponents]
