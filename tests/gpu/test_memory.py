"""Large models run, and a device without memory is a clear error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from virnucpro_core.embedding import EmbedSettings, Precision, embed
from virnucpro_core.errors import DeviceMemoryError
from virnucpro_core.models import ESM2_CONFIGS, Esm2, Esm2Tokenizer

from .machine import CUDA, GpuTest, cosines, random_on_device, small_encoders
from .sequences import random_strings
from .tolerances import TOLERANCES

MIB = 1024**2
BF16 = EmbedSettings(CUDA, Precision.BF16, token_budget=16_384)


@contextmanager
def memory_for(n_bytes: int) -> Iterator[None]:
    """Let torch take ``n_bytes`` more of the device than it has, and no more."""
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(CUDA).total_memory
    share = (torch.cuda.memory_reserved(CUDA) + n_bytes) / total
    torch.cuda.set_per_process_memory_fraction(min(share, 1.0), CUDA)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, CUDA)


class TestMemory(GpuTest):
    def test_esm2_3b_in_bf16_gives_finite_numbers(self) -> None:
        name = "esm2_t36_3B_UR50D"
        if torch.cuda.get_device_properties(CUDA).total_memory < 16 * 1024 * MIB:
            self.skipTest("ESM-2 3B and its batch need 16 GB")
        encoder = random_on_device(lambda: Esm2(ESM2_CONFIGS[name], name), CUDA, torch.bfloat16)
        n_parameters = sum(parameter.numel() for parameter in encoder.parameters())
        self.assertGreater(n_parameters, 2_800_000_000)
        strings = random_strings("protein", [100] * 400 + [1, 3000])
        # embed itself refuses NaN and infinity.
        result = embed(strings, encoder, Esm2Tokenizer(), BF16)
        self.assertEqual(result.values.shape, (402, 2560))
        # No two proteins are the same, so no two rows may be.
        self.assertLess(cosines(*torch.from_numpy(result.values[:2])[:, None]).item(), 0.99999)

    def test_a_batch_that_does_not_fit_is_halved(self) -> None:
        encoder = small_encoders()["ESM-2"].to(CUDA, torch.bfloat16)
        strings = random_strings("protein", [5000] * 64)
        whole = EmbedSettings(CUDA, Precision.BF16, token_budget=400_000)
        expected = embed(strings, encoder, Esm2Tokenizer(), whole)
        with memory_for(1024 * MIB):
            found = embed(strings, encoder, Esm2Tokenizer(), whole)
        self.assertGreater(found.n_batches, expected.n_batches)
        values = (torch.from_numpy(result.values) for result in (found, expected))
        self.assertGreaterEqual(cosines(*values).min().item(), TOLERANCES.neighbour_cosine)

    def test_a_sequence_that_does_not_fit_is_a_clear_error(self) -> None:
        encoder = small_encoders()["ESM-2"].to(CUDA, torch.bfloat16)
        strings = random_strings("protein", [50, 1_000_000])
        with memory_for(128 * MIB), self.assertRaises(DeviceMemoryError) as caught:
            embed(strings, encoder, Esm2Tokenizer(), BF16, ids=["short", "endless"])
        self.assertIn("endless", str(caught.exception))
        # The device is usable afterwards.
        embed(strings.slice(0, 1), encoder, Esm2Tokenizer(), BF16)
