"""What the tokens of a sequence become: their mean, the first of them, or all of them.

Shapes: ``T`` tokens of ``B`` sequences end to end, ``L_i`` of them in sequence ``i``, ``D`` width.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["cls_pool", "mean_pool", "split_tokens"]


def mean_pool(
    hidden: torch.Tensor, cu_seqlens: torch.Tensor, *, special_tokens: bool
) -> torch.Tensor:
    """Mean over each sequence's tokens, computed in fp32.

    Args:
        hidden: [T, D], the tokens of B sequences end to end.
        cu_seqlens: int64 [B + 1], on the CPU.
        special_tokens: whether the first and the last token of each sequence count.

    Returns:
        float32 [B, D].
    """
    lengths = cu_seqlens.diff()
    if not special_tokens:
        # Indices and not a mask: with a mask the host would wait to learn how many tokens stay.
        hidden = hidden[_beside(hidden, _letters(cu_seqlens).nonzero().flatten())]
        lengths = lengths - 2
    return torch.segment_reduce(
        hidden.float(), "mean", lengths=_beside(hidden, lengths), axis=0, unsafe=True
    )


def cls_pool(hidden: torch.Tensor, cu_seqlens: torch.Tensor) -> torch.Tensor:
    """The first token of each sequence, which both encoders put in front of it.

    Args:
        hidden: [T, D].
        cu_seqlens: int64 [B + 1], on the CPU.

    Returns:
        float32 [B, D].
    """
    return hidden[_beside(hidden, cu_seqlens[:-1])].float()


def split_tokens(
    hidden: torch.Tensor, cu_seqlens: torch.Tensor, special_tokens: bool = False
) -> list[NDArray[np.float32]]:
    """The tokens of each sequence as an array of its own.

    Args:
        hidden: [T, D].
        cu_seqlens: int64 [B + 1], on the CPU.
        special_tokens: whether the first and the last token of each sequence are kept.

    Returns:
        B arrays, float32 [L_i, D]; without special tokens L_i is two less.
    """
    values: NDArray[np.float32] = hidden.float().cpu().numpy()
    skipped = 0 if special_tokens else 1
    bounds = cu_seqlens.tolist()
    return [
        values[start + skipped : stop - skipped].copy()
        for start, stop in itertools.pairwise(bounds)
    ]


def _beside(hidden: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """``indices`` on the device of ``hidden``, which the host does not wait for."""
    if hidden.device.type == "cuda":
        indices = indices.pin_memory()
    return indices.to(hidden.device, non_blocking=True)


def _letters(cu_seqlens: torch.Tensor) -> torch.Tensor:
    """bool [T], false for the first and the last token of each sequence."""
    keep = torch.ones(int(cu_seqlens[-1]), dtype=torch.bool)
    keep[cu_seqlens[:-1]] = False
    keep[cu_seqlens[1:] - 1] = False
    return keep
