"""Attention confined to each sequence of a packed batch.

Shapes: ``T`` tokens of the batch, ``H`` heads, ``d`` width of a head, ``L`` longest sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor

from virnucpro_core.models._layout import PackedLayout

__all__ = ["GroupedAttention", "PackedAttention", "Rotary", "alibi_bias", "alibi_slopes"]

# Row lengths of the ALiBi bias are rounded up to this many numbers: CUDA kernels read aligned rows.
_ALIGNMENT = 16


class PackedAttention(Protocol):
    """What a layer calls: queries, keys and values in, the attended values out."""

    def __call__(self, qkv: Tensor, /) -> Tensor:
        """[T, 3, H, d] to [T, H · d]; no token sees another sequence."""


@dataclass(frozen=True, slots=True, eq=False)
class Rotary:
    """Rotary positions (Su et al. 2021, arXiv:2104.09864), counted from 0 in every sequence.

    Attributes:
        cosines: [T, 1, 1, d / 2].
        sines: [T, 1, 1, d / 2].
    """

    cosines: Tensor
    sines: Tensor

    @classmethod
    def at(cls, positions: Tensor, head_width: int, dtype: torch.dtype) -> Rotary:
        """Angles at ``positions`` (int64 [T]), computed in fp32 and kept as ``dtype``."""
        exponents = torch.arange(0, head_width, 2, device=positions.device).float() / head_width
        angles = torch.outer(positions.float(), 1.0 / 10000**exponents)[:, None, None, :]
        return cls(angles.cos().to(dtype), angles.sin().to(dtype))

    def turn(self, x: Tensor) -> Tensor:
        """Turn each pair (``x[…, i]``, ``x[…, i + d / 2]``) of [T, …, H, d] by its angle."""
        first, second = x.chunk(2, dim=-1)
        return torch.cat(
            (
                first * self.cosines - second * self.sines,
                second * self.cosines + first * self.sines,
            ),
            dim=-1,
        )


@dataclass(frozen=True, slots=True, eq=False)
class GroupedAttention:
    """Scaled-dot-product attention over groups of equally long sequences: no padding, no mask.

    Attributes:
        layout: the batch; tokens come in its sorted order.
        rotary: turns queries and keys, if given.
        bias: [1, H, ≥ L, ≥ L] added to the scores, the same for every sequence, if given.
    """

    layout: PackedLayout
    rotary: Rotary | None = None
    bias: Tensor | None = None

    def __call__(self, qkv: Tensor, /) -> Tensor:
        """[T, 3, H, d] to [T, H · d]."""
        n_tokens, _, n_heads, head_width = qkv.shape
        query_key, values = qkv[:, :2], qkv[:, 2]
        if self.rotary is not None:
            query_key = self.rotary.turn(query_key)
        # One split instead of a slice per group: its gradient is one concatenation, where those of
        # slices are as many tensors of full size.
        sizes = [group.stop - group.start for group in self.layout.groups]
        parts = (torch.split(x, sizes) for x in (query_key[:, 0], query_key[:, 1], values))
        attended: list[Tensor] = []
        for group, query, key, value in zip(self.layout.groups, *parts, strict=True):
            shape = (group.n_sequences, group.length, n_heads, head_width)
            out = F.scaled_dot_product_attention(
                query.view(shape).transpose(1, 2),
                key.view(shape).transpose(1, 2),
                value.view(shape).transpose(1, 2),
                attn_mask=(
                    None if self.bias is None else self.bias[..., : group.length, : group.length]
                ),
            )
            attended.append(out.transpose(1, 2).reshape(-1, n_heads * head_width))
        if len(attended) == 1:
            return attended[0]
        return torch.cat(attended) if attended else qkv.new_zeros(n_tokens, n_heads * head_width)


def alibi_slopes(n_heads: int) -> list[float]:
    """Slope of each head (Press et al. 2022, arXiv:2108.12409).

    ``n`` heads, ``n`` a power of two, have 2^(-8/n), 2^(-16/n), …; other numbers take those of
    the closest lower power of two, then every second one of the next higher power.
    """
    lower = 1 << (n_heads.bit_length() - 1)
    slopes = [2.0 ** (-8.0 * (head + 1) / lower) for head in range(lower)]
    between = [2.0 ** (-8.0 * (head + 1) / (2 * lower)) for head in range(0, 2 * lower, 2)]
    return slopes + between[: n_heads - lower]


def alibi_bias(n_heads: int, length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Symmetric ALiBi bias ``-slope · |i - j|``, [1, H, ≥ length, ≥ length].

    The bias of a shorter sequence is its upper left corner.
    """
    length = -(-length // _ALIGNMENT) * _ALIGNMENT
    places = torch.arange(length, device=device)
    distances = (places[:, None] - places).abs().float()
    slopes = torch.tensor(alibi_slopes(n_heads), device=device)
    return (-slopes[:, None, None] * distances).to(dtype)[None]
