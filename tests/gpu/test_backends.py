"""Every attention backend computes what fp32 on the CPU computes."""

from __future__ import annotations

import copy

import torch

from virnucpro_core.errors import UsageError
from virnucpro_core.models import ATTENTION_BACKENDS, Encoder, choose_attention
from virnucpro_core.models._attention import plan_attention
from virnucpro_core.models._layout import plan_layout

from .machine import (
    CUDA,
    LENGTHS,
    GpuTest,
    cosines,
    encode,
    largest_share,
    sequences_for,
    small_encoders,
)
from .tolerances import TOLERANCES

CPU = torch.device("cpu")
N_HEADS = 6
HEAD_WIDTH = 64


class Backend:
    """Tests of one backend; what it cannot do here is skipped with its own reason."""

    name: str

    def dtypes(self, *, needs_bias: bool) -> list[torch.dtype]:
        """The number formats in which it can do it."""
        able, reasons = [], []
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            try:
                choose_attention(self.name, CUDA, dtype, needs_bias=needs_bias)
                able.append(dtype)
            except UsageError as error:
                reasons.append(str(error))
        if not able:
            self.skipTest(reasons[-1])
        return able

    def encoder_on_device(self, encoder: Encoder, dtype: torch.dtype) -> Encoder:
        """A copy of ``encoder`` that is forced to use this backend."""
        moved = copy.deepcopy(encoder).to(CUDA, dtype)
        moved.attention_backend = self.name
        return moved

    def check_attention(self, *, alibi: bool) -> None:
        bounds = torch.tensor([0, *LENGTHS]).cumsum(0)
        n_tokens = int(bounds[-1])
        generator = torch.Generator().manual_seed(1)
        exact = torch.randn(n_tokens, 3, N_HEADS, HEAD_WIDTH, generator=generator)
        for dtype in self.dtypes(needs_bias=alibi):
            given = exact.to(dtype)
            outputs = []
            for name, device, precision in (
                ("sdpa", CPU, torch.float32),
                (self.name, CUDA, dtype),
            ):
                attention = plan_attention(
                    name,
                    plan_layout(bounds, n_tokens, device),
                    precision,
                    n_heads=N_HEADS,
                    head_width=HEAD_WIDTH,
                    rotary=not alibi,
                    alibi=alibi,
                )
                with torch.inference_mode():
                    outputs.append(attention(given.to(device, precision)).float().cpu())
            share = largest_share(outputs[1], outputs[0])
            self.assertLessEqual(share, TOLERANCES.attention(dtype), f"{self.name} {dtype}")

    def check_encoder(self, name: str, *, needs_bias: bool) -> None:
        encoder = small_encoders()[name]
        sequences = sequences_for(encoder)
        expected = encode(encoder, sequences)
        for dtype in self.dtypes(needs_bias=needs_bias):
            found = encode(self.encoder_on_device(encoder, dtype), sequences)
            share = largest_share(found, expected)
            self.assertLessEqual(share, TOLERANCES.encoder(dtype), f"{self.name} {dtype}")

    def check_neighbours(self, name: str, *, needs_bias: bool) -> None:
        encoder = small_encoders()[name]
        first = sequences_for(encoder, seed=3)
        # The same first sequence of each length, other neighbours of the same lengths.
        second = [first[0], *sequences_for(encoder, seed=4)[1:]]
        for dtype in self.dtypes(needs_bias=needs_bias):
            moved = self.encoder_on_device(encoder, dtype)
            batch = encode(moved, first)
            other = encode(moved, second)
            self.assertTrue(
                torch.equal(batch[: LENGTHS[0]], other[: LENGTHS[0]]),
                f"{self.name} {dtype}: a neighbour's content shows",
            )
            parts = batch.split(LENGTHS)
            alone = [encode(moved, [sequence]) for sequence in first]
            means = [torch.stack([x.mean(0) for x in rows]) for rows in (parts, alone)]
            smallest = cosines(*means).min().item()
            self.assertGreaterEqual(smallest, TOLERANCES.neighbour_cosine, f"{self.name} {dtype}")

    def test_attention_with_rotary_positions(self) -> None:
        self.check_attention(alibi=False)

    def test_attention_with_alibi(self) -> None:
        self.check_attention(alibi=True)

    def test_esm2_equals_the_reference_token_by_token(self) -> None:
        self.check_encoder("ESM-2", needs_bias=False)

    def test_dnabert_s_equals_the_reference_token_by_token(self) -> None:
        self.check_encoder("DNABERT-S", needs_bias=True)

    def test_esm2_sequences_do_not_depend_on_their_batch(self) -> None:
        self.check_neighbours("ESM-2", needs_bias=False)

    def test_dnabert_s_sequences_do_not_depend_on_their_batch(self) -> None:
        self.check_neighbours("DNABERT-S", needs_bias=True)


class TestSdpa(Backend, GpuTest):
    name = "sdpa"


class TestVarlen(Backend, GpuTest):
    name = "varlen"


class TestFlash(Backend, GpuTest):
    name = "flash"


class TestChoice(GpuTest):
    def test_auto_picks_a_backend_that_is_there(self) -> None:
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            for needs_bias in (False, True):
                chosen = choose_attention("auto", CUDA, dtype, needs_bias=needs_bias)
                self.assertIn(chosen, ATTENTION_BACKENDS)
                # Forcing what auto picked must work too.
                choose_attention(chosen, CUDA, dtype, needs_bias=needs_bias)
        self.assertEqual(choose_attention("auto", CUDA, torch.float32), "sdpa")
