"""On a CUDA device every tensor is there, and no value is waited for: shown without a device.

Fake tensors have a shape, a dtype and a device, but no numbers. An operation between devices, or
one whose result the host would have to wait for (a mask as an index, ``item()``), raises.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from virnucpro_core.models import DnabertS, DnabertSConfig, Encoder, Esm2, Esm2Config
from virnucpro_core.models import _alibi as alibi
from virnucpro_core.models import _encoder as encoder_module
from virnucpro_core.models._attention_cuda import varlen_function
from virnucpro_core.models._layout import PackedLayout, plan_layout

LENGTHS = (102, 3, 1, 257, 102, 40, 2500)
DEVICE = torch.device("cuda:0")


def esm2() -> Esm2:
    return Esm2(Esm2Config(n_layers=2, width=256, n_heads=4))


def dnabert_s() -> DnabertS:
    return DnabertS(DnabertSConfig(n_layers=2, width=384, n_heads=6, feed_forward_width=64))


@pytest.fixture(scope="module")
def layout() -> PackedLayout:
    """The plan of a real batch, on the CPU."""
    return plan_layout(torch.tensor([0, *LENGTHS]).cumsum(0), sum(LENGTHS), torch.device("cpu"))


def moved(layout: PackedLayout) -> PackedLayout:
    """The plan with fake tensors of the device in place of its own."""
    tensors = {
        field.name: torch.empty(value.shape, dtype=value.dtype, device=DEVICE)
        for field in dataclasses.fields(layout)
        if isinstance(value := getattr(layout, field.name), Tensor)
    }
    assert len(tensors) == 6
    return dataclasses.replace(layout, **tensors)


@pytest.mark.parametrize(
    ("build", "backend", "dtype"),
    [
        (esm2, "sdpa", torch.float32),
        (esm2, "sdpa", torch.bfloat16),
        (esm2, "varlen", torch.bfloat16),
        (dnabert_s, "sdpa", torch.float32),
        (dnabert_s, "sdpa", torch.bfloat16),
    ],
)
def test_a_forward_pass_stays_on_the_device(
    build: Callable[[], Encoder],
    backend: str,
    dtype: torch.dtype,
    layout: PackedLayout,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if backend == "varlen":
        varlen = pytest.importorskip("torch.nn.attention.varlen")
        # These ask how torch was built, and the driver.
        monkeypatch.setattr(torch.backends.cuda, "is_flash_attention_available", lambda: True)
        varlen_function.cache_clear()
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
        monkeypatch.setattr(varlen, "_should_use_cudnn", lambda _: False, raising=False)
    # A copy to the device is the one thing that fake tensors cannot do without a driver.
    monkeypatch.setattr(alibi, "to_device", lambda tensor, device: tensor.to(device))
    with FakeTensorMode(), torch.inference_mode():
        with DEVICE:
            encoder = build()
            for parameter in encoder.parameters():
                parameter.data = torch.empty(parameter.shape, dtype=dtype)
            tokens = torch.empty(sum(LENGTHS), dtype=torch.int32)
        encoder.attention_backend = backend
        there = moved(layout)
        monkeypatch.setattr(encoder_module, "plan_layout", lambda *_: there)
        found = encoder(tokens, None)
        with pytest.raises(Exception, match=r"(?i)device"):
            encoder(tokens.cpu(), None)
    varlen_function.cache_clear()
    assert found.shape == (sum(LENGTHS), encoder.width)
    assert found.device == DEVICE
    assert found.dtype == dtype


def test_fake_tensors_notice_a_wait() -> None:
    with FakeTensorMode(), DEVICE:
        tokens = torch.empty(5)
        with pytest.raises(Exception, match=r"nonzero|item|data"):
            tokens[tokens > 0]
