"""A model bundle with random weights: small and quick unless asked otherwise, and complete."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tests.unit.models.helpers import dna_tokenizer, randomise
from virnucpro_core._frame_rule import FrameRule
from virnucpro_core._reliability import N_CODON_FREQUENCIES, StrangenessLimits
from virnucpro_core.models import (
    ClassifierConfig,
    DnabertS,
    DnabertSConfig,
    Esm2,
    Esm2Config,
    MlpClassifier,
    write_bundle,
)

WINDOW_SIZE = 300

LIMITS: dict[str, Any] = {
    "limits": [
        {"min_length": 1, "max_length": 59, "virus": 0.5, "non_virus": 1.5, "windows": 100},
        {"min_length": 60, "max_length": None, "virus": -0.25, "non_virus": 0.25, "windows": 900},
    ]
}


CALIBRATION: dict[str, Any] = {
    "method": "platt",
    "prevalence": 0.5,
    "evidence_exponent": 0.5,
    "ranges": [
        {"min_length": 1, "max_length": 49, "slope": 0.5, "intercept": -0.25, "windows": 100},
        {"min_length": 50, "max_length": None, "slope": 2.0, "intercept": 0.5, "windows": 900},
    ],
}


def make_bundle(
    path: Path,
    *,
    seed: int = 0,
    window_size: int = WINDOW_SIZE,
    frame_rule: FrameRule = "complete",
    calibration: Mapping[str, Any] | None = None,
    with_reliability: bool = False,
    n_layers: int = 1,
    width: int = 16,
) -> Path:
    """Write a bundle with weights drawn from ``seed``, and return its path.

    Both encoders have ``n_layers`` layers of ``width``.
    """
    tokenizer = dna_tokenizer()
    tokenizer_file = path.with_name(f"{path.name}.tokenizer.json")
    tokenizer.save(str(tokenizer_file))
    vocabulary = tokenizer.get_vocab_size()
    dna = DnabertS(
        DnabertSConfig(
            n_layers=n_layers,
            width=width,
            n_heads=2,
            feed_forward_width=2 * width,
            vocabulary_size=vocabulary,
        )
    )
    protein = Esm2(Esm2Config(n_layers=n_layers, width=width, n_heads=2))
    classifier = MlpClassifier(ClassifierConfig(input_width=2 * width, hidden_width=8))
    network = MlpClassifier(ClassifierConfig(N_CODON_FREQUENCIES, 4))
    for number, module in enumerate((dna, protein, classifier, network)):
        randomise(module, 10 * seed + number)
    with torch.no_grad():
        write_bundle(
            path,
            name=f"random-{seed}",
            description="Random weights, for the tests of the pipeline.",
            licence="MIT",
            window_size=window_size,
            frame_rule=frame_rule,
            dna=dna,
            dna_tokenizer=tokenizer_file,
            protein=protein,
            classifier=classifier,
            calibration=calibration,
            reliability=(network, StrangenessLimits.parse(LIMITS, "tests"))
            if with_reliability
            else None,
        )
    tokenizer_file.unlink()
    return path
