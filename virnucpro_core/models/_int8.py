"""A linear layer in int8: weights quantised once, activations as they come.

Shapes: ``T`` tokens, ``K`` numbers in, ``N`` numbers out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from virnucpro_core.models._cpu import cpu_sums_int8_exactly

__all__ = ["Int8Linear"]

# 126 instead of 127: the scale may be rounded to bf16, and the largest number must not reach 128.
_ACTIVATION_LIMIT = 126
# Unsigned bytes around 128 are what oneDNN multiplies fastest.
_ZERO = 128
_SIGN_BIT = 0x80
_SMALLEST_SCALE = 1e-12


class Int8Linear(nn.Module):
    """``x Wᵀ + b`` with int8 products summed in int32, on the CPU, for inference.

    Each row of the weights and each token has a scale of its own, so that one large number costs
    only its own row accuracy, and a token's result does not depend on what shares its batch
    (vector-wise quantisation: Dettmers et al. 2022, arXiv:2208.07339). The products are oneDNN's.

    On processors that add two products in 16 bits the weights are kept within ±64, because
    2 · 255 · 64 is the largest sum that fits.

    Args:
        weight: int8 [N, K].
        scale: float32 [N]; row ``n`` stands for ``scale[n] · weight[n]``.
        bias: floating-point [N], if any.
    """

    bias: Tensor | None

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        # oneDNN's own order of the weights, which is no tensor that could be saved.
        self._packed = torch.ops.onednn.qlinear_prepack(weight, None)
        self._zeros = torch.zeros(self.out_features, dtype=torch.int32)

    @classmethod
    def from_float(cls, weight: Tensor, bias: Tensor | None) -> Int8Linear:
        """Quantise floating-point ``weight`` [N, K]; ``bias`` [N] stays as it is."""
        limit = 127 if cpu_sums_int8_exactly() else 64
        scale = (weight.abs().amax(dim=1).float() / limit).clamp_(min=_SMALLEST_SCALE)
        quantised = (weight / scale[:, None]).round_().to(torch.int8)
        return cls(quantised, scale, bias)

    def forward(self, x: Tensor) -> Tensor:
        """[T, K] to [T, N], in the dtype of ``x`` (float32 or bfloat16)."""
        # Two reductions read twice, but need no copy of x as abs() does.
        highest, lowest = x.amax(dim=1, keepdim=True), x.amin(dim=1, keepdim=True)
        largest = torch.maximum(highest, lowest.neg_()).clamp_(min=_SMALLEST_SCALE)
        # Rounded to the dtype first: what is multiplied here and divided out below is one number.
        inverse = (_ACTIVATION_LIMIT / largest.float()).to(x.dtype)
        signed = torch.mul(x, inverse).round_().to(torch.int8)
        # Flipping the sign bit adds 128 in a quarter of the time that a conversion takes.
        unsigned = signed.view(torch.uint8).bitwise_xor_(_SIGN_BIT)
        products: Tensor = torch.ops.onednn.qlinear_pointwise(
            unsigned, 1.0, _ZERO, self._packed, self.scale, self._zeros, None,
            1.0, 0, x.dtype, "none", [], "",
        )  # fmt: skip
        scale = inverse.reciprocal_()
        if self.bias is None:
            return products.mul_(scale)
        return torch.addcmul(self.bias, products, scale, out=products)
