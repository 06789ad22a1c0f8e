"""Packed attention through kernels that know ``cu_seqlens``: CUDA, half precision.

Shapes: ``T`` tokens of the batch, ``H`` heads, ``d`` width of a head.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from virnucpro_core.models._layout import PackedLayout
from virnucpro_core.models._rotary import Rotary

__all__ = ["FlashAttention", "VarlenAttention", "flash_function", "varlen_function"]

_Function = Callable[..., Any]


@cache
def varlen_function() -> _Function | None:
    """``torch.nn.attention.varlen.varlen_attn``, None where torch has none that works."""
    # A torch without CUDA kernels for it may have the function all the same.
    if not torch.backends.cuda.is_flash_attention_available():
        return None
    return _imported("torch.nn.attention.varlen", "varlen_attn")


@cache
def flash_function() -> _Function | None:
    """``flash_attn.flash_attn_varlen_func``, None where the package is not there or too old."""
    function = _imported("flash_attn", "flash_attn_varlen_func")
    if function is None or "alibi_slopes" not in inspect.signature(function).parameters:
        return None
    return function


def _imported(module: str, name: str) -> _Function | None:
    try:
        function: _Function = getattr(importlib.import_module(module), name)
    except (ImportError, OSError, AttributeError):
        # OSError: a compiled package whose shared objects belong to another torch.
        return None
    return function


@dataclass(frozen=True, slots=True, eq=False)
class VarlenAttention:
    """torch's variable-length attention.

    Attributes:
        layout: the batch; tokens come in its sorted order.
        rotary: turns queries and keys, if given.
    """

    layout: PackedLayout
    rotary: Rotary | None = None

    def __call__(self, qkv: Tensor, /) -> Tensor:
        """[T, 3, H, d] to [T, H · d]."""
        function = varlen_function()
        assert function is not None, "choose_attention has seen to it"
        return _attend(function, self.layout, self.rotary, qkv)


@dataclass(frozen=True, slots=True, eq=False)
class FlashAttention:
    """The flash-attn package.

    Attributes:
        layout: the batch; tokens come in its sorted order.
        rotary: turns queries and keys, if given.
        slopes: float32 [H] of the ALiBi bias ``-slope · |i - j|``, if given.
    """

    layout: PackedLayout
    rotary: Rotary | None = None
    slopes: Tensor | None = None

    def __call__(self, qkv: Tensor, /) -> Tensor:
        """[T, 3, H, d] to [T, H · d]."""
        function = flash_function()
        assert function is not None, "choose_attention has seen to it"
        options = {} if self.slopes is None else {"alibi_slopes": self.slopes}
        return _attend(function, self.layout, self.rotary, qkv, **options)


def _attend(
    function: _Function,
    layout: PackedLayout,
    rotary: Rotary | None,
    qkv: Tensor,
    **options: Tensor,
) -> Tensor:
    # Both functions begin with the same seven arguments, in every version, and their defaults are
    # what is wanted: scale 1 / √d, no causal mask, no dropout, no window.
    n_tokens, _, n_heads, head_width = qkv.shape
    if not layout.groups:
        return qkv.new_zeros(n_tokens, n_heads * head_width)
    query_key = qkv[:, :2] if rotary is None else rotary.turn(qkv[:, :2])
    bounds, longest = layout.cu_seqlens, layout.max_length
    attended: Tensor = function(
        query_key[:, 0], query_key[:, 1], qkv[:, 2], bounds, bounds, longest, longest, **options
    )
    return attended.reshape(n_tokens, n_heads * head_width)
