"""Half precision keeps its promise for every sequence, through the whole of `embed`."""

from __future__ import annotations

import torch
from torch import Tensor

from virnucpro_core.embedding import EmbedSettings, Precision, embed
from virnucpro_core.models import (
    ESM2_CONFIGS,
    DnabertS,
    DnabertSConfig,
    Encoder,
    Esm2,
    Esm2Tokenizer,
)

from .machine import CUDA, GpuTest, cosines, largest_share, random_on_device, small_encoders
from .sequences import StandInTokenizer, random_strings
from .tolerances import TOLERANCES

CPU = torch.device("cpu")
LENGTHS = [1, 3, 98, 99, 100, 100, 100, 20, 400, 57, 1500, 8, 100, 250]
DNA_LENGTHS = [5 * length + 3 for length in LENGTHS]


def means(encoder: Encoder, precision: Precision, device: torch.device = CUDA) -> Tensor:
    """Mean embedding of every sequence, float32 [n, D], by an encoder that is there already."""
    protein = isinstance(encoder, Esm2)
    strings = random_strings("protein", LENGTHS) if protein else random_strings("dna", DNA_LENGTHS)
    tokenizer = Esm2Tokenizer() if protein else StandInTokenizer()
    settings = EmbedSettings(device, precision, token_budget=1024)
    return torch.from_numpy(embed(strings, encoder, tokenizer, settings).values)


class TestPrecision(GpuTest):
    def check_gate(self, encoder: Encoder, expected: Tensor) -> None:
        """``encoder``: fp32 on the device; is made half precision, in place."""
        for precision, dtype in (
            (Precision.BF16, torch.bfloat16),
            (Precision.FP16, torch.float16),
        ):
            # bf16 to fp16 would be rounded twice.
            source = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
            smallest = cosines(means(encoder.to(dtype), precision), expected).min().item()
            self.assertGreaterEqual(smallest, TOLERANCES.gate_cosine, f"{encoder.name} {dtype}")
            encoder.to(torch.float32).load_state_dict(source)

    def test_fp32_on_the_device_equals_fp32_on_the_cpu(self) -> None:
        for name, encoder in small_encoders().items():
            expected = means(encoder, Precision.FP32, CPU)
            share = largest_share(means(encoder.to(CUDA), Precision.FP32), expected)
            self.assertLessEqual(share, TOLERANCES.fp32, name)

    def test_half_precision_of_small_encoders(self) -> None:
        for encoder in small_encoders().values():
            expected = means(encoder, Precision.FP32, CPU)
            self.check_gate(encoder.to(CUDA), expected)

    def test_half_precision_of_esm2_650m(self) -> None:
        name = "esm2_t33_650M_UR50D"
        encoder = random_on_device(lambda: Esm2(ESM2_CONFIGS[name], name), CUDA, torch.float32)
        self.check_gate(encoder, means(encoder, Precision.FP32))

    def test_half_precision_of_dnabert_s(self) -> None:
        encoder = random_on_device(lambda: DnabertS(DnabertSConfig()), CUDA, torch.float32)
        self.check_gate(encoder, means(encoder, Precision.FP32))
