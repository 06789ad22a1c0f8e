"""The device, models that are made on it, and the sequences that all of these tests use."""

from __future__ import annotations

import gc
import unittest
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from tests.unit.models.helpers import pack, random_tokens, randomise
from virnucpro_core.models import DnabertS, DnabertSConfig, Encoder, Esm2, Esm2Config

__all__ = [
    "CUDA",
    "LENGTHS",
    "GpuTest",
    "cosines",
    "encode",
    "largest_share",
    "random_on_device",
    "sequences_for",
    "small_encoders",
]

CUDA = torch.device("cuda:0")

# Tokens: one and three, repeated, unsorted, off every block size, and one long sequence.
LENGTHS = (102, 1, 3, 257, 102, 40, 2500, 64, 3, 129)

_Module = TypeVar("_Module", bound=nn.Module)


@unittest.skipUnless(torch.cuda.is_available(), "no CUDA device")
class GpuTest(unittest.TestCase):
    """A test that needs a CUDA device; leaves no memory behind."""

    def setUp(self) -> None:
        # Some machines' settings make TF32 of fp32, which keeps 11 bits of 24.
        torch.set_float32_matmul_precision("highest")

    def tearDown(self) -> None:
        gc.collect()
        torch.cuda.empty_cache()


def small_encoders() -> dict[str, Encoder]:
    """Encoders with random weights on the CPU, fp32, heads as wide as the published ones."""
    encoders: dict[str, Encoder] = {
        "ESM-2": Esm2(Esm2Config(n_layers=4, width=256, n_heads=4)),
        "DNABERT-S": DnabertS(
            DnabertSConfig(n_layers=4, width=384, n_heads=6, feed_forward_width=512)
        ),
    }
    for seed, encoder in enumerate(encoders.values()):
        # Large weights: those of a fresh model would hide a wrong formula.
        randomise(encoder, seed, gain=1.0)
        encoder.eval().requires_grad_(False)
    return encoders


def sequences_for(
    encoder: Encoder, lengths: tuple[int, ...] = LENGTHS, seed: int = 3
) -> list[Tensor]:
    """Random tokens that the encoder knows, one int64 row per sequence, on the CPU."""
    n_known = 30 if isinstance(encoder, Esm2) else 4096
    return random_tokens(lengths, n_known, seed)


def encode(encoder: Encoder, sequences: list[Tensor]) -> Tensor:
    """Every token of a packed batch, [T, D], float32 on the CPU."""
    tokens, cu_seqlens = pack(sequences)
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        return encoder(tokens.to(device), cu_seqlens).float().cpu()


def largest_share(found: Tensor, expected: Tensor) -> float:
    """Largest difference as a share of the largest expected value; NaN stays NaN."""
    assert found.shape == expected.shape
    return ((found - expected).abs().max() / expected.abs().max()).item()


def cosines(found: Tensor, expected: Tensor) -> Tensor:
    """Cosine of each row, [n]."""
    return torch.cosine_similarity(found.double(), expected.double(), dim=1)


def random_on_device(
    build: Callable[[], _Module], device: torch.device, dtype: torch.dtype
) -> _Module:
    """The model that ``build`` makes, filled on the device: nothing of its size on the host."""
    with torch.device("meta"):
        model = build()
    model = model.to(dtype).to_empty(device=device)
    generator = torch.Generator(device).manual_seed(11)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.02, generator=generator)
        for part in model.modules():
            if isinstance(part, nn.LayerNorm):
                part.weight.fill_(1.0)
                part.bias.zero_()
    return model.eval().requires_grad_(False)
