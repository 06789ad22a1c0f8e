"""Proteins can be embedded where there is nothing but torch, numpy, h5py and safetensors."""

from __future__ import annotations

import os
import subprocess
import sys

# Packages of the full installation that a GPU machine of somebody else's may lack.
ABSENT = ("tokenizers", "dnaio", "isal", "tqdm", "huggingface_hub", "transformers")

PROGRAM = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import torch
from virnucpro_core.embedding import EmbedSettings, Precision, embed
from virnucpro_core.models import Esm2, Esm2Config, Esm2Tokenizer
from virnucpro_core.store import ByteStrings

encoder = Esm2(Esm2Config(n_layers=1, width=16, n_heads=2)).eval()
strings = ByteStrings.from_iterable([b"MKV", b"GGGG"])
settings = EmbedSettings(torch.device("cpu"), Precision.FP32, 64)
print(embed(strings, encoder, Esm2Tokenizer(), settings).values.shape)
"""


def test_proteins_are_embedded_without_the_optional_packages() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, *ABSENT],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "(2, 16)"
