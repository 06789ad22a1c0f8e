"""DNABERT-S written from its description, padded and slow: the reference of the tests.

MosaicBERT (Portes et al. 2023): a BERT encoder (post-norm) whose position embeddings are replaced
by ALiBi biases ``-slope · |i - j|`` and whose feed-forward part is a gated linear unit,
``W_o (gelu(W_1 x) ⊙ W_2 x)``. Works on the published tensor names, batch by batch with a padding
mask, one head at a time, in plain formulas: it shares no code with the package.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SLOPES_OF_12_HEADS = [
    *(1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256),
    *(2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5),
]
SLOPES_OF_4_HEADS = [1 / 4, 1 / 16, 1 / 64, 1 / 256]
SLOPES_OF_3_HEADS = [1 / 16, 1 / 256, 1 / 4]
SLOPES = {12: SLOPES_OF_12_HEADS, 4: SLOPES_OF_4_HEADS, 3: SLOPES_OF_3_HEADS}


def padded_dnabert(
    state: dict[str, Tensor], ids: Tensor, mask: Tensor, *, n_layers: int, n_heads: int
) -> list[Tensor]:
    """Outputs of the embeddings and of every layer.

    Args:
        state: tensors by their published names.
        ids: int64 [B, L].
        mask: bool [B, L], True where a token is.

    Returns:
        ``n_layers + 1`` tensors [B, L, D].
    """
    x = state["embeddings.word_embeddings.weight"][ids]
    x = x + state["embeddings.token_type_embeddings.weight"][torch.zeros_like(ids)]
    x = layer_norm(x, state, "embeddings.LayerNorm")
    outputs = [x]
    for i in range(n_layers):
        layer = f"encoder.layer.{i}"
        attended = attention(x, state, f"{layer}.attention.self.Wqkv", mask, n_heads)
        attended = linear(attended, state, f"{layer}.attention.output.dense")
        x = layer_norm(attended + x, state, f"{layer}.attention.output.LayerNorm")
        inner = x @ state[f"{layer}.mlp.gated_layers.weight"].T
        half = inner.shape[-1] // 2
        gated = gelu(inner[..., :half]) * inner[..., half:]
        x = layer_norm(linear(gated, state, f"{layer}.mlp.wo") + x, state, f"{layer}.mlp.layernorm")
        outputs.append(x)
    return outputs


def attention(x: Tensor, state: dict[str, Tensor], name: str, mask: Tensor, n_heads: int) -> Tensor:
    queries, keys, values = linear(x, state, name).split(x.shape[-1], dim=-1)
    head_width = x.shape[-1] // n_heads
    length = x.shape[1]
    distance = torch.tensor([[abs(i - j) for j in range(length)] for i in range(length)])
    heads = []
    for head, slope in enumerate(SLOPES[n_heads]):
        part = slice(head * head_width, (head + 1) * head_width)
        scores = queries[..., part] @ keys[..., part].transpose(1, 2) / math.sqrt(head_width)
        scores = scores - slope * distance
        scores = scores.masked_fill(~mask[:, None, :], -math.inf)
        heads.append(scores.softmax(-1) @ values[..., part])
    return torch.cat(heads, dim=-1)


def linear(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def layer_norm(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-12)
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def gelu(x: Tensor) -> Tensor:
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2
