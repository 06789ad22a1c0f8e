"""The host never waits for the device while batches are going through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from virnucpro_core.embedding import EmbedSettings, Precision, embed, encode_batches, mean_pool
from virnucpro_core.errors import UsageError
from virnucpro_core.models import ATTENTION_BACKENDS, Encoder, Esm2, Esm2Tokenizer, choose_attention

from .machine import CUDA, GpuTest, sequences_for, small_encoders
from .sequences import StandInTokenizer, random_strings

N_SEQUENCES = 40


@contextmanager
def refuse_synchronisation() -> Iterator[None]:
    """Operations that make the host wait for the device raise RuntimeError."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def encoders() -> Iterator[tuple[str, Encoder, Precision]]:
    """Both encoders on the device, with every backend that is there, in bf16 and fp32."""
    for encoder in small_encoders().values():
        needs_bias = not isinstance(encoder, Esm2)
        for precision, dtype in (
            (Precision.FP32, torch.float32),
            (Precision.BF16, torch.bfloat16),
        ):
            moved = encoder.to(CUDA, dtype)
            for backend in ATTENTION_BACKENDS:
                try:
                    choose_attention(backend, CUDA, dtype, needs_bias=needs_bias)
                except UsageError:
                    continue
                moved.attention_backend = backend
                yield f"{type(encoder).__name__} {backend} {precision.value}", moved, precision


class TestNoSynchronisation(GpuTest):
    def test_the_check_itself_notices(self) -> None:
        numbers = torch.ones(3, device=CUDA)
        with refuse_synchronisation(), self.assertRaisesRegex(RuntimeError, "synchroniz"):
            numbers.sum().item()

    def test_an_encoder_does_not_wait(self) -> None:
        for label, encoder, _ in encoders():
            sequences = sequences_for(encoder)
            tokens = torch.cat(sequences).to(CUDA)
            bounds = torch.tensor([0, *map(len, sequences)]).cumsum(0)
            with self.subTest(label), torch.inference_mode():
                # The first time, libraries set themselves up.
                encoder(tokens, bounds)
                with refuse_synchronisation():
                    hidden = encoder(tokens, bounds)
                    mean_pool(hidden[:103], torch.tensor([0, 102, 103]), special_tokens=True)
                    mean_pool(hidden[:102], torch.tensor([0, 50, 102]), special_tokens=False)

    def test_the_loop_does_not_wait(self) -> None:
        for label, encoder, precision in encoders():
            protein = isinstance(encoder, Esm2)
            lengths = [(37 * i) % 300 + 1 for i in range(N_SEQUENCES)]
            strings = random_strings("protein" if protein else "dna", lengths)
            tokenizer = Esm2Tokenizer() if protein else StandInTokenizer()
            settings = EmbedSettings(CUDA, precision, token_budget=512)
            with self.subTest(label):
                expected = embed(strings, encoder, tokenizer, settings).values
                with refuse_synchronisation():
                    found = embed(strings, encoder, tokenizer, settings).values
                    batches = encode_batches(strings, encoder, tokenizer, settings)
                    n_encoded = sum(len(encoded.batch.indices) for encoded in batches)
                self.assertEqual(n_encoded, N_SEQUENCES)
                self.assertTrue((found == expected).all())
