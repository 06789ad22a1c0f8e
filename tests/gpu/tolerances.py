"""Every tolerance of these tests, with its reason."""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["TOLERANCES"]


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Largest differences, as a share of the reference's largest value, unless it says cosine.

    A wrong formula (no rotary, no bias, a token that sees its neighbour) differs by 0.1 and more.

    Attributes:
        fp32: another device sums in another order; four layers add that up to some 1e-6.
        bf16: keeps 8 bits, so that one rounding is 0.004; on the CPU these encoders differ by
            0.017, and a kernel that rounds the attention weights too may double that.
        fp16: keeps 11 bits, an eighth of the error of bf16.
        attention_bf16, attention_fp16: of attention alone, where few roundings come together.
        gate_cosine: the product's promise for half precision: smallest cosine of a sequence's
            mean embedding to that of fp32. The CPU gives 0.9999 with these weights.
        neighbour_cosine: alone against in a batch, both in half precision: other shapes of matrix
            products round differently, so this is the gate again, between two rounded results.
    """

    fp32: float = 1e-4
    bf16: float = 4e-2
    fp16: float = 1e-2
    attention_bf16: float = 2e-2
    attention_fp16: float = 4e-3
    gate_cosine: float = 0.999
    neighbour_cosine: float = 0.999

    def encoder(self, dtype: torch.dtype) -> float:
        """Of an encoder that computes in ``dtype``."""
        return {torch.float32: self.fp32, torch.bfloat16: self.bf16}.get(dtype, self.fp16)

    def attention(self, dtype: torch.dtype) -> float:
        """Of attention alone in ``dtype``."""
        known = {torch.float32: self.fp32, torch.bfloat16: self.attention_bf16}
        return known.get(dtype, self.attention_fp16)


TOLERANCES = Tolerances()
