"""Where the sequences of a packed batch lie, worked out once per batch.

Shapes: ``T`` tokens of the batch, ``B`` sequences of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["PackedAttention", "PackedLayout", "SequenceGroup", "plan_layout", "to_device"]


class PackedAttention(Protocol):
    """What a layer calls: queries, keys and values in, the attended values out."""

    def __call__(self, qkv: Tensor, /) -> Tensor:
        """[T, 3, H, d] to [T, H · d]; tokens in the layout's order, no token sees another
        sequence."""


@dataclass(frozen=True, slots=True)
class SequenceGroup:
    """Sequences of one length that lie side by side in the sorted batch.

    Attributes:
        start: first token.
        n_sequences: number of sequences.
        length: tokens of each sequence.
    """

    start: int
    n_sequences: int
    length: int

    @property
    def stop(self) -> int:
        """One after the last token."""
        return self.start + self.n_sequences * self.length


@dataclass(frozen=True, slots=True, eq=False)
class PackedLayout:
    """A packed batch with its sequences sorted by decreasing length.

    Sorting puts equal lengths side by side, so that a group is a slice and no layer has to gather.
    Every layer outside attention works token by token and does not mind the order.

    Attributes:
        groups: the sequences by length, longest first; sequences of no token are left out.
        lengths: int64 [B] on the device, sorted.
        cu_seqlens: int32 [n + 1] on the device, bounds of the n sorted sequences that have tokens.
        positions: int64 [T] on the device, position of each sorted token in its sequence, from 0.
        sequence_index: int64 [T] on the device, index into ``lengths`` of each sorted token.
        order: int64 [T] on the device, the given index of each sorted token; None when the batch
            is sorted already.
        restore: int64 [T] on the device, the sorted index of each given token; None likewise.
    """

    groups: tuple[SequenceGroup, ...]
    lengths: Tensor
    cu_seqlens: Tensor
    positions: Tensor
    sequence_index: Tensor
    order: Tensor | None
    restore: Tensor | None

    @property
    def max_length(self) -> int:
        """Tokens of the longest sequence, 0 in an empty batch."""
        return self.groups[0].length if self.groups else 0

    def sort(self, tokens: Tensor) -> Tensor:
        """[T, …] in the given order to [T, …] in sorted order."""
        return tokens if self.order is None else tokens[self.order]

    def unsort(self, tokens: Tensor) -> Tensor:
        """[T, …] in sorted order to [T, …] in the given order."""
        return tokens if self.restore is None else tokens[self.restore]


def plan_layout(cu_seqlens: Tensor, n_tokens: int, device: torch.device) -> PackedLayout:
    """Work out the layout of a packed batch.

    All is worked out on the CPU and goes to a CUDA device in one copy that the host does not wait
    for: with ``cu_seqlens`` on the CPU, planning never synchronises.

    Args:
        cu_seqlens: integers [B + 1]; sequence ``i`` is tokens ``cu_seqlens[i]`` to
            ``cu_seqlens[i + 1]``. Three sequences of 5, 6 and 4 tokens: ``[0, 5, 11, 15]``.
        n_tokens: T.
        device: where the tensors of the layout go.

    Raises:
        ValueError: ``cu_seqlens`` does not divide ``n_tokens`` tokens into sequences.
    """
    bounds = cu_seqlens.detach().to("cpu", torch.int64)
    if bounds.ndim != 1 or len(bounds) == 0 or bounds[0] != 0 or bounds[-1] != n_tokens:
        raise ValueError(
            f"cu_seqlens must be one row of integers from 0 to the {n_tokens} tokens given, "
            f"not {_excerpt(cu_seqlens)}"
        )
    given_lengths = bounds.diff()
    if (given_lengths < 0).any():
        raise ValueError(f"cu_seqlens must not decrease: {_excerpt(cu_seqlens)}")

    by_length = torch.argsort(given_lengths, descending=True, stable=True)
    lengths = given_lengths[by_length]
    starts = lengths.cumsum(0) - lengths
    sequence_index = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    positions = torch.arange(n_tokens) - starts[sequence_index]
    # Sequences of no token lie at the end.
    sorted_bounds = torch.cat((starts[lengths > 0], bounds[-1:]))
    parts = [lengths, sorted_bounds, positions, sequence_index]
    if not torch.equal(lengths, given_lengths):
        order = bounds[:-1][by_length][sequence_index] + positions
        restore = torch.empty_like(order)
        restore[order] = torch.arange(n_tokens)
        parts += [order, restore]
    sizes = [len(part) for part in parts]
    lengths_there, bounds_there, positions, sequence_index, *orders = (
        torch.split(to_device(torch.cat(parts), device), sizes) if device.type == "cuda" else parts
    )
    return PackedLayout(
        groups=_groups(lengths),
        lengths=lengths_there,
        cu_seqlens=bounds_there.to(torch.int32),
        positions=positions,
        sequence_index=sequence_index,
        order=orders[0] if orders else None,
        restore=orders[1] if orders else None,
    )


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A CPU tensor on ``device``; the host does not wait for a copy to CUDA."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def _groups(lengths: Tensor) -> tuple[SequenceGroup, ...]:
    groups: list[SequenceGroup] = []
    start = 0
    sizes, counts = torch.unique_consecutive(lengths, return_counts=True)
    for length, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        if length:
            groups.append(SequenceGroup(start, count, length))
            start = groups[-1].stop
    return tuple(groups)


def _excerpt(cu_seqlens: Tensor) -> str:
    values = cu_seqlens.flatten().tolist()
    shown = ", ".join(map(str, values[:4]))
    return f"[{shown}, …, {values[-1]}]" if len(values) > 5 else f"{values}"
