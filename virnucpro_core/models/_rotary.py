"""Rotary positions (Su et al. 2021, arXiv:2104.09864).

Shapes: ``T`` tokens of a packed batch, ``H`` heads, ``d`` width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Rotary"]


@dataclass(frozen=True, slots=True, eq=False)
class Rotary:
    """The angles of a batch, counted from 0 in every sequence.

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
        if torch.is_grad_enabled():
            return torch.cat(
                (
                    first * self.cosines - second * self.sines,
                    second * self.cosines + first * self.sines,
                ),
                dim=-1,
            )
        # The same written in place: half the memory traffic, but gradients cannot follow it.
        turned = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        turned_first, turned_second = turned.chunk(2, dim=-1)
        torch.mul(first, self.cosines, out=turned_first).addcmul_(second, self.sines, value=-1)
        torch.mul(second, self.cosines, out=turned_second).addcmul_(first, self.sines)
        return turned
