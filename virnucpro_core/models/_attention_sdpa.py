"""Packed attention through torch's scaled-dot-product attention, on every device.

Shapes: ``T`` tokens of the batch, ``H`` heads, ``d`` width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor

from virnucpro_core.models._alibi import Alibi
from virnucpro_core.models._layout import PackedLayout
from virnucpro_core.models._rotary import Rotary

__all__ = ["GroupedAttention"]


@dataclass(frozen=True, slots=True, eq=False)
class GroupedAttention:
    """Attention over groups of equally long sequences: no padding, no mask.

    Attributes:
        layout: the batch; tokens come in its sorted order.
        rotary: turns queries and keys, if given.
        alibi: bias added to the scores, if given.
    """

    layout: PackedLayout
    rotary: Rotary | None = None
    alibi: Alibi | None = None

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
        for group, *group_qkv in zip(self.layout.groups, *parts, strict=True):
            shape = (group.n_sequences, group.length, n_heads, head_width)
            out = self._attend(*(x.view(shape).transpose(1, 2) for x in group_qkv))
            attended.append(out.transpose(1, 2).reshape(-1, n_heads * head_width))
        if len(attended) == 1:
            return attended[0]
        return torch.cat(attended) if attended else qkv.new_zeros(n_tokens, n_heads * head_width)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Sequences of one length: three times [n, H, L, d] to [n, H, L, d]."""
        if query.requires_grad and query.device.type == "cpu" and value.dtype != torch.float32:
            # The gradient in half precision takes the processor ten times as long (torch 2.15).
            # Only the values' format tells: turned queries and keys may be in fp32, and autocast
            # would round them.
            with torch.autocast("cpu", enabled=False):
                return self._attend(query.float(), key.float(), value.float()).to(query.dtype)
        if self.alibi is None:
            return F.scaled_dot_product_attention(query, key, value)
        blocks = [
            F.scaled_dot_product_attention(
                query[:, :, rows.start : rows.stop], key, value, attn_mask=bias.to(query.dtype)
            )
            for rows, bias in self.alibi.blocks(query.shape[2])
        ]
        return blocks[0] if len(blocks) == 1 else torch.cat(blocks, dim=2)
