"""Batches reach the device whole and results come back to their rows."""

from __future__ import annotations

import torch

from virnucpro_core.embedding import EmbedSettings, Precision, embed
from virnucpro_core.embedding._transfer import Uploads
from virnucpro_core.models import Esm2Tokenizer

from .machine import CUDA, GpuTest, largest_share, small_encoders
from .sequences import random_strings
from .tolerances import TOLERANCES


class TestLoader(GpuTest):
    def test_copies_in_their_own_stream_arrive_before_they_are_read(self) -> None:
        uploads = Uploads(CUDA)
        for round_number in range(200):
            sent = torch.full((100_000,), round_number, dtype=torch.int32)
            there = uploads.send(sent)
            self.assertEqual(there.device, CUDA)
            expected = 100_000 * round_number
            self.assertEqual(there.sum(dtype=torch.int64).item(), expected)

    def test_many_small_batches_equal_the_cpu_in_input_order(self) -> None:
        encoder = small_encoders()["ESM-2"]
        strings = random_strings("protein", [(31 * i) % 60 + 1 for i in range(1000)])
        expected = embed(
            strings,
            encoder,
            Esm2Tokenizer(),
            EmbedSettings(torch.device("cpu"), Precision.FP32, 4096),
        )
        settings = EmbedSettings(CUDA, Precision.FP32, 256)
        found = embed(strings, encoder.to(CUDA), Esm2Tokenizer(), settings)
        self.assertGreater(found.n_batches, 60)
        values = (torch.from_numpy(result.values) for result in (found, expected))
        self.assertLessEqual(largest_share(*values), TOLERANCES.fp32)

    def test_loader_processes_change_nothing(self) -> None:
        encoder = small_encoders()["ESM-2"].to(CUDA)
        strings = random_strings("protein", [(31 * i) % 60 + 1 for i in range(600)])
        settings = EmbedSettings(CUDA, Precision.FP32, 4096)
        results = [
            embed(strings, encoder, Esm2Tokenizer(), settings, n_processes=n).values for n in (0, 2)
        ]
        self.assertTrue((results[0] == results[1]).all())
