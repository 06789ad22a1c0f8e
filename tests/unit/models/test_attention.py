"""Which attention backend is chosen, and that all are handed the same problem."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor

from virnucpro_core.errors import UsageError
from virnucpro_core.models import (
    ATTENTION_BACKENDS,
    DnabertS,
    DnabertSConfig,
    Encoder,
    Esm2,
    Esm2Config,
    choose_attention,
)
from virnucpro_core.models import _alibi as alibi
from virnucpro_core.models import _attention_cuda as cuda_attention
from virnucpro_core.models._alibi import Alibi, alibi_slopes
from virnucpro_core.models._attention_cuda import FlashAttention, VarlenAttention
from virnucpro_core.models._attention_sdpa import GroupedAttention
from virnucpro_core.models._layout import PackedLayout, plan_layout
from virnucpro_core.models._rotary import Rotary

from .helpers import max_difference, pack, random_tokens, randomise
from .tolerances import TOLERANCES

CPU = torch.device("cpu")
CUDA = torch.device("cuda:0")
HALVES = [torch.bfloat16, torch.float16]
LENGTHS = (3, 50, 0, 17, 50, 1)


def plain_varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor,
    max_q: int,
    max_k: int,
    alibi_slopes: Tensor | None = None,
) -> Tensor:
    """The contract of varlen_attn and flash_attn_varlen_func, sequence by sequence."""
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert max_q == max_k == int(cu_seq_q.diff().max())
    assert all(x.stride(-1) == 1 for x in (query, key, value)), "the kernels read whole heads"
    out = torch.empty_like(value)
    for start, stop in zip(cu_seq_q[:-1].tolist(), cu_seq_q[1:].tolist(), strict=True):
        assert stop > start
        places = torch.arange(stop - start)
        bias = torch.zeros(1, 1, 1)
        if alibi_slopes is not None:
            assert alibi_slopes.dtype == torch.float32
            bias = -alibi_slopes[:, None, None] * (places[:, None] - places).abs()
        q, k, v = (x[start:stop].transpose(0, 1) for x in (query, key, value))
        out[start:stop] = ((q @ k.mT / q.shape[-1] ** 0.5 + bias).softmax(-1) @ v).transpose(0, 1)
    return out


@pytest.fixture
def layout() -> PackedLayout:
    bounds = torch.tensor([0, *LENGTHS]).cumsum(0)
    return plan_layout(bounds, sum(LENGTHS), CPU)


@pytest.fixture
def qkv() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(sum(LENGTHS), 3, 6, 16, generator=generator)


@pytest.fixture
def ampere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A CUDA device of capability 8.0 with torch's attention and without flash-attn."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: True)
    monkeypatch.setitem(sys.modules, "flash_attn", None)
    varlen = ModuleType("torch.nn.attention.varlen")
    varlen.varlen_attn = plain_varlen  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.nn.attention.varlen", varlen)
    forget()
    yield
    forget()


def forget() -> None:
    cuda_attention.varlen_function.cache_clear()
    cuda_attention.flash_function.cache_clear()


def install_flash(monkeypatch: pytest.MonkeyPatch, function: object) -> None:
    package = ModuleType("flash_attn")
    package.flash_attn_varlen_func = function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "flash_attn", package)
    forget()


@pytest.mark.parametrize("dtype", [torch.float32, *HALVES], ids=str)
def test_auto_is_sdpa_on_the_cpu(dtype: torch.dtype) -> None:
    assert choose_attention("auto", CPU, dtype) == "sdpa"


@pytest.mark.usefixtures("ampere")
def test_auto_on_cuda_prefers_flash_then_varlen(monkeypatch: pytest.MonkeyPatch) -> None:
    for dtype in HALVES:
        assert choose_attention("auto", CUDA, dtype) == "varlen"
        assert choose_attention("auto", CUDA, dtype, needs_bias=True) == "sdpa"
        assert choose_attention("auto", CUDA, dtype, head_width=12) == "sdpa"
    assert choose_attention("auto", CUDA, torch.float32) == "sdpa"
    install_flash(monkeypatch, plain_varlen)
    for dtype in HALVES:
        assert choose_attention("auto", CUDA, dtype) == "flash"
        assert choose_attention("auto", CUDA, dtype, needs_bias=True) == "flash"
    assert choose_attention("auto", CUDA, torch.float32) == "sdpa"


@pytest.mark.usefixtures("ampere")
@pytest.mark.parametrize(
    ("name", "device", "options", "message"),
    [
        ("varlen", CPU, {}, "varlen runs on CUDA devices only, not on cpu; use auto or sdpa"),
        ("flash", CPU, {}, "flash runs on CUDA devices only"),
        ("varlen", CUDA, {"dtype": torch.float32}, "in bf16 and fp16 only, not in float32"),
        ("varlen", CUDA, {"needs_bias": True}, "has no ALiBi, which DNABERT-S needs"),
        ("varlen", CUDA, {"head_width": 20}, r"takes heads of 8, 16, … 256 numbers, not of 20"),
        ("flash", CUDA, {}, "needs the package flash-attn"),
        ("xformers", CPU, {}, "no attention backend 'xformers'; use auto, sdpa, varlen or flash"),
    ],
)
def test_a_forced_backend_that_cannot_do_it_is_refused(
    name: str, device: torch.device, options: dict[str, object], message: str
) -> None:
    arguments = {"dtype": torch.bfloat16, **options}
    with pytest.raises(UsageError, match=message):
        choose_attention(name, device, **arguments)  # type: ignore[arg-type]


@pytest.mark.usefixtures("ampere")
def test_old_torch_old_flash_attn_and_old_cards_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_flash(monkeypatch, lambda q, k, v: v)  # no ALiBi yet
    with pytest.raises(UsageError, match=r"flash-attn \(2\.4 or later\)"):
        choose_attention("flash", CUDA, torch.bfloat16)
    monkeypatch.setitem(sys.modules, "torch.nn.attention.varlen", None)
    forget()
    with pytest.raises(UsageError, match=r"is not in torch .* \(2\.10 and later have it\)"):
        choose_attention("varlen", CUDA, torch.bfloat16)
    assert choose_attention("auto", CUDA, torch.bfloat16) == "sdpa"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    with pytest.raises(UsageError, match=r"compute capability 8\.0"):
        choose_attention("varlen", CUDA, torch.float16)


def test_sdpa_can_be_forced_everywhere_and_an_encoder_uses_what_it_is_told() -> None:
    assert ATTENTION_BACKENDS == ("sdpa", "varlen", "flash")
    encoder: Encoder
    for encoder in (
        Esm2(Esm2Config(n_layers=1, width=16, n_heads=2)),
        DnabertS(DnabertSConfig(n_layers=1, width=16, n_heads=2, feed_forward_width=16)),
    ):
        assert encoder.attention_backend == "auto"
        tokens, cu_seqlens = pack(random_tokens([5, 3], 30))
        expected = encoder(tokens, cu_seqlens)
        encoder.attention_backend = "sdpa"
        assert torch.equal(encoder(tokens, cu_seqlens), expected)
        encoder.attention_backend = "flash"
        with pytest.raises(UsageError, match="attention backend flash runs on CUDA"):
            encoder(tokens, cu_seqlens)


@pytest.mark.usefixtures("ampere")
def test_the_kernels_are_given_what_sdpa_computes(
    layout: PackedLayout, qkv: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_flash(monkeypatch, plain_varlen)
    with torch.inference_mode():
        rotary = Rotary.at(layout.positions, 16, qkv.dtype)
        expected = GroupedAttention(layout, rotary)(qkv)
        assert max_difference(VarlenAttention(layout, rotary)(qkv), expected) < TOLERANCES.peer
        assert max_difference(FlashAttention(layout, rotary)(qkv), expected) < TOLERANCES.peer
        slopes = torch.tensor(alibi_slopes(6))
        bias = Alibi.plan(6, LENGTHS, CPU, qkv.dtype)
        biased = GroupedAttention(layout, alibi=bias)(qkv)
        found = FlashAttention(layout, slopes=slopes)(qkv)
        assert max_difference(found, biased) < TOLERANCES.peer
        assert max_difference(biased, GroupedAttention(layout)(qkv)) > 100 * TOLERANCES.peer
        nothing = plan_layout(torch.tensor([0, 0]), 0, CPU)
        assert VarlenAttention(nothing)(qkv[:0]).shape == (0, 6 * 16)


def test_torchs_own_function_takes_these_seven_arguments() -> None:
    varlen = pytest.importorskip("torch.nn.attention.varlen")
    signature = inspect.signature(varlen.varlen_attn)
    bound = signature.bind("query", "key", "value", "bounds", "bounds", 7, 7)
    assert list(bound.arguments.values()) == ["query", "key", "value", "bounds", "bounds", 7, 7]
    assert list(bound.arguments)[3:] == ["cu_seq_q", "cu_seq_k", "max_q", "max_k"]


def test_layout_bounds_are_those_of_the_sequences_that_have_tokens(layout: PackedLayout) -> None:
    assert layout.cu_seqlens.tolist() == [0, 50, 100, 117, 120, 121]
    assert layout.cu_seqlens.dtype == torch.int32


def test_a_long_sequence_needs_no_whole_bias(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(2)
    model = DnabertS(DnabertSConfig(n_layers=2, width=48, n_heads=6, feed_forward_width=64)).eval()
    randomise(model, seed=7, gain=1.0)
    tokens, cu_seqlens = pack(random_tokens([700, 40, 40, 9], 4096))
    with torch.inference_mode():
        expected = model(tokens, cu_seqlens)
    # Room for the bias of 57 tokens, or of 4 rows of 700.
    monkeypatch.setattr(alibi, "LARGEST_BIAS", 20_000)
    made: list[int] = []
    real = F.scaled_dot_product_attention

    def watched(*args: Tensor, attn_mask: Tensor) -> Tensor:
        made.append(attn_mask.numel())
        return real(*args, attn_mask=attn_mask)

    monkeypatch.setattr(F, "scaled_dot_product_attention", watched)
    with torch.inference_mode():
        found = model(tokens, cu_seqlens)
    assert max(made) <= 20_000
    assert max_difference(found, expected) <= TOLERANCES.neighbour
    assert Alibi.plan(6, [700, 40, 9], CPU, torch.float32).kept.shape == (1, 6, 40, 48)


def test_rotary_is_the_same_with_and_without_gradients(layout: PackedLayout, qkv: Tensor) -> None:
    rotary = Rotary.at(layout.positions, 16, qkv.dtype)
    with torch.no_grad():
        written_in_place = rotary.turn(qkv[:, :2])
    qkv.requires_grad_()
    differentiable = rotary.turn(qkv[:, :2])
    assert differentiable.requires_grad
    assert max_difference(written_in_place, differentiable.detach()) <= TOLERANCES.neighbour
