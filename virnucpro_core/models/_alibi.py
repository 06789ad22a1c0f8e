"""ALiBi, attention with linear biases (Press et al. 2022, arXiv:2108.12409), symmetric.

Shapes: ``H`` heads, ``L`` tokens of a sequence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from virnucpro_core.models._layout import to_device

__all__ = ["Alibi", "alibi_slopes"]

# Rows of the bias are this many numbers apart, or a multiple: CUDA kernels read aligned rows.
_ALIGNMENT = 16

LARGEST_BIAS = 32 * 1024**2
"""Numbers of a bias that are held at once (fp32: 128 MiB); a longer sequence's bias is made in
blocks of rows. 12 heads reach it at 1,672 tokens."""


def alibi_slopes(n_heads: int) -> list[float]:
    """Slope of each head.

    ``n`` heads, ``n`` a power of two, have 2^(-8/n), 2^(-16/n), …; other numbers take those of
    the closest lower power of two, then every second one of the next higher power.
    """
    lower = 1 << (n_heads.bit_length() - 1)
    slopes = [2.0 ** (-8.0 * (head + 1) / lower) for head in range(lower)]
    between = [2.0 ** (-8.0 * (head + 1) / (2 * lower)) for head in range(0, 2 * lower, 2)]
    return slopes + between[: n_heads - lower]


@dataclass(frozen=True, slots=True, eq=False)
class Alibi:
    """The bias ``-slope · |i - j|`` of a batch, in bounded memory.

    Attributes:
        slopes: float32 [H, 1, 1].
        kept: [1, H, K, ≥ K], the bias of K tokens. That of fewer tokens is its upper left corner.
    """

    slopes: Tensor
    kept: Tensor

    @classmethod
    def plan(
        cls, n_heads: int, lengths: Sequence[int], device: torch.device, dtype: torch.dtype
    ) -> Alibi:
        """The bias for sequences of ``lengths`` tokens."""
        slopes = to_device(torch.tensor(alibi_slopes(n_heads), dtype=torch.float32), device)
        slopes = slopes[:, None, None]
        longest_kept = math.isqrt(LARGEST_BIAS // n_heads)
        length = max((length for length in lengths if length <= longest_kept), default=0)
        return cls(slopes, _bias(slopes, range(length), length, dtype))

    def blocks(self, length: int) -> Iterator[tuple[range, Tensor]]:
        """Queries, in order, and their bias towards the ``length`` keys, [1, H, queries, L]."""
        if length <= self.kept.shape[2]:
            yield range(length), self.kept[..., :length, :length]
            return
        n_rows = max(1, LARGEST_BIAS // (len(self.slopes) * length))
        for start in range(0, length, n_rows):
            rows = range(start, min(start + n_rows, length))
            yield rows, _bias(self.slopes, rows, length, self.kept.dtype)[..., :length]


def _bias(slopes: Tensor, rows: range, length: int, dtype: torch.dtype) -> Tensor:
    """[1, H, rows, ≥ length]."""
    columns = torch.arange(-(-length // _ALIGNMENT) * _ALIGNMENT, device=slopes.device)
    distances = (columns[rows.start : rows.stop, None] - columns).abs().float()
    return (-slopes * distances).to(dtype)[None]
