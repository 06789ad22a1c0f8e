"""Attention confined to each sequence of a packed batch: the interface and the choice.

Shapes: ``T`` tokens of the batch, ``H`` heads, ``d`` width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor

from virnucpro_core.errors import UsageError
from virnucpro_core.models._alibi import Alibi, alibi_slopes
from virnucpro_core.models._attention_cuda import (
    FlashAttention,
    VarlenAttention,
    flash_function,
    varlen_function,
)
from virnucpro_core.models._attention_sdpa import GroupedAttention
from virnucpro_core.models._layout import PackedAttention, PackedLayout, to_device
from virnucpro_core.models._rotary import Rotary

__all__ = ["ATTENTION_BACKENDS", "attention_obstacle", "choose_attention", "plan_attention"]

ATTENTION_BACKENDS: tuple[str, ...] = ("sdpa", "varlen", "flash")
"""``sdpa``: scaled-dot-product attention over groups of equally long sequences, everywhere.
``varlen``: torch's variable-length attention. ``flash``: the flash-attn package."""

_HALVES = (torch.bfloat16, torch.float16)
_FIRST_CAPABILITY = (8, 0)
_WIDEST_HEAD = 256


def choose_attention(
    name: str,
    device: torch.device,
    dtype: torch.dtype,
    *,
    needs_bias: bool = False,
    head_width: int = 64,
) -> str:
    """The backend that ``name`` stands for on this machine.

    Args:
        name: one of `ATTENTION_BACKENDS`, or ``"auto"``: the first of flash, varlen and sdpa that
            can do it.
        device: where it computes.
        dtype: number format of the activations.
        needs_bias: whether a bias goes onto the scores (DNABERT-S's ALiBi).
        head_width: d.

    Raises:
        UsageError: there is no such backend, or it cannot do this here.
    """
    if name == "auto":
        return next(
            backend
            for backend in ("flash", "varlen", "sdpa")
            if attention_obstacle(
                backend, device, dtype, needs_bias=needs_bias, head_width=head_width
            )
            is None
        )
    if name not in ATTENTION_BACKENDS:
        raise UsageError(
            f"no attention backend {name!r}",
            remedy=f"use auto, {', '.join(ATTENTION_BACKENDS[:-1])} or {ATTENTION_BACKENDS[-1]}",
        )
    obstacle = attention_obstacle(name, device, dtype, needs_bias=needs_bias, head_width=head_width)
    if obstacle is not None:
        raise UsageError(
            f"attention backend {name} {obstacle}",
            remedy="use auto or sdpa; or the slow reference, --engine v1 without --attention",
        )
    return name


def attention_obstacle(
    backend: str,
    device: torch.device,
    dtype: torch.dtype,
    *,
    needs_bias: bool = False,
    head_width: int = 64,
) -> str | None:
    """Why ``backend`` cannot do it, a clause for the user; None if it can.

    The cheap checks come first. Arguments are those of `choose_attention`.
    """
    if backend == "sdpa":
        return None
    if device.type != "cuda":
        return f"runs on CUDA devices only, not on {device.type}"
    if dtype not in _HALVES:
        return f"computes in bf16 and fp16 only, not in {str(dtype).removeprefix('torch.')}"
    if head_width % 8 or head_width > _WIDEST_HEAD:
        return f"takes heads of 8, 16, … {_WIDEST_HEAD} numbers, not of {head_width}"
    if backend == "varlen" and needs_bias:
        return "has no ALiBi, which DNABERT-S needs"
    if torch.cuda.get_device_capability(device) < _FIRST_CAPABILITY:
        return "needs a device of compute capability 8.0 (Ampere) or later"
    if backend == "varlen" and varlen_function() is None:
        return f"is not in torch {torch.__version__} (2.10 and later have it)"
    if backend == "flash" and flash_function() is None:
        return "needs the package flash-attn (2.4 or later), which cannot be imported here"
    return None


def plan_attention(
    name: str,
    layout: PackedLayout,
    dtype: torch.dtype,
    *,
    n_heads: int,
    head_width: int,
    rotary: bool = False,
    alibi: bool = False,
) -> PackedAttention:
    """The attention that all layers of an encoder use for one batch.

    Args:
        name: as in `choose_attention`.
        layout: the batch.
        dtype: number format of the activations.
        n_heads: H.
        head_width: d.
        rotary: whether queries and keys are turned by their positions.
        alibi: whether the scores have the symmetric ALiBi bias.

    Raises:
        UsageError: the backend cannot do this here.
    """
    device = layout.positions.device
    backend = choose_attention(name, device, dtype, needs_bias=alibi, head_width=head_width)
    turns = Rotary.at(layout.positions, head_width, dtype) if rotary else None
    if backend == "varlen":
        return VarlenAttention(layout, turns)
    if backend == "flash":
        slopes: Tensor | None = None
        if alibi:
            slopes = to_device(torch.tensor(alibi_slopes(n_heads), dtype=torch.float32), device)
        return FlashAttention(layout, turns, slopes)
    lengths = [group.length for group in layout.groups]
    return GroupedAttention(
        layout, turns, Alibi.plan(n_heads, lengths, device, dtype) if alibi else None
    )
