"""Random weights of the published shapes, in the files that each contestant reads.

A speed does not depend on what the weights are, and nothing has to be downloaded. All contestants
get the same numbers, so that their embeddings can be compared. Run as a program, because the
memory that this takes should be free again when the measuring starts::

    python -m virnucpro_core.benchmarking._random_models esm2_t12_35M_UR50D DIRECTORY
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import tokenizers
import torch
from safetensors.torch import save_file
from torch import Tensor

from virnucpro_core.models import (
    ESM2_CONFIGS,
    ClassifierConfig,
    DnabertS,
    DnabertSConfig,
    Esm2,
    Esm2Config,
    Esm2Tokenizer,
    MlpClassifier,
    convert_dnabert_s,
    convert_esm2,
    write_bundle,
)

__all__ = ["DNABERT_S", "dnabert_s_state", "esm2_state", "make_models"]

DNABERT_S = "dnabert_s"
_SEED = 7
_TINY_ESM2 = Esm2Config(n_layers=1, width=8, n_heads=2)
_TINY_DNABERT = DnabertSConfig(n_layers=1, width=8, n_heads=2, feed_forward_width=8)
_TOKENIZER_BASES = 400_000

_Encoder = TypeVar("_Encoder", DnabertS, Esm2)


class _Numbers:
    """Random tensors from one seed, in the order in which they are asked for."""

    def __init__(self) -> None:
        self._generator = torch.Generator().manual_seed(_SEED)

    def normal(self, *shape: int, std: float, mean: float = 0.0) -> Tensor:
        return torch.randn(*shape, generator=self._generator).mul_(std).add_(mean)

    def linear(self, name: str, n_in: int, n_out: int, *, bias: bool = True) -> dict[str, Tensor]:
        """A layer whose output is about as large as its input."""
        state = {f"{name}.weight": self.normal(n_out, n_in, std=n_in**-0.5)}
        return {**state, f"{name}.bias": self.normal(n_out, std=0.1)} if bias else state

    def norm(self, name: str, width: int) -> dict[str, Tensor]:
        weight = self.normal(width, std=0.1, mean=1.0)
        return {f"{name}.weight": weight, f"{name}.bias": self.normal(width, std=0.1)}


def esm2_state(config: Esm2Config) -> dict[str, Tensor]:
    """Random ESM-2 with the tensor names of the Hugging Face files, heads included."""
    numbers, width = _Numbers(), config.width
    head_width = width // config.n_heads
    frequencies = 1.0 / 10000 ** (torch.arange(0, head_width, 2).float() / head_width)
    state = {
        "esm.embeddings.word_embeddings.weight": numbers.normal(
            Esm2Tokenizer.vocabulary_size, width, std=1.0
        )
    }
    for i in range(config.n_layers):
        layer = f"esm.encoder.layer.{i}"
        for part in ("query", "key", "value"):
            state |= numbers.linear(f"{layer}.attention.self.{part}", width, width)
        state[f"{layer}.attention.self.rotary_embeddings.inv_freq"] = frequencies.clone()
        state |= numbers.linear(f"{layer}.attention.output.dense", width, width)
        state |= numbers.norm(f"{layer}.attention.LayerNorm", width)
        state |= numbers.linear(f"{layer}.intermediate.dense", width, config.feed_forward_width)
        state |= numbers.linear(f"{layer}.output.dense", config.feed_forward_width, width)
        state |= numbers.norm(f"{layer}.LayerNorm", width)
    state |= numbers.norm("esm.encoder.emb_layer_norm_after", width)
    state |= numbers.linear("lm_head.dense", width, width)
    state |= numbers.norm("lm_head.layer_norm", width)
    state["lm_head.bias"] = numbers.normal(Esm2Tokenizer.vocabulary_size, std=0.1)
    contacts = config.n_layers * config.n_heads
    state |= numbers.linear("esm.contact_head.regression", contacts, 1)
    return state


def dnabert_s_state(config: DnabertSConfig) -> dict[str, Tensor]:
    """Random DNABERT-S with its published tensor names."""
    numbers, width, inner = _Numbers(), config.width, config.feed_forward_width
    types = "embeddings.token_type_embeddings.weight"
    state = {
        "embeddings.word_embeddings.weight": numbers.normal(config.vocabulary_size, width, std=1.0),
        types: numbers.normal(2, width, std=0.1),
        **numbers.norm("embeddings.LayerNorm", width),
    }
    for i in range(config.n_layers):
        layer = f"encoder.layer.{i}"
        state |= numbers.linear(f"{layer}.attention.self.Wqkv", width, 3 * width)
        state |= numbers.linear(f"{layer}.attention.output.dense", width, width)
        state |= numbers.norm(f"{layer}.attention.output.LayerNorm", width)
        state |= numbers.linear(f"{layer}.mlp.gated_layers", width, 2 * inner, bias=False)
        state |= numbers.linear(f"{layer}.mlp.wo", inner, width)
        state |= numbers.norm(f"{layer}.mlp.layernorm", width)
    return state


def make_models(name: str, directory: Path) -> None:
    """Write the model ``name``, whole or not at all.

    Args:
        name: a key of `ESM2_CONFIGS`, or `DNABERT_S`.
        directory: gets ``published/`` with the published tensor names and ``bundle/``, a bundle
            whose other encoder is tiny.
    """
    staging = directory.with_name(f".{directory.name}.part")
    shutil.rmtree(staging, ignore_errors=True)
    published = staging / "published"
    published.mkdir(parents=True)
    tokenizer = staging / "tokenizer.json"
    _train_tokenizer().save(str(tokenizer))
    dna_config = DnabertSConfig() if name == DNABERT_S else _TINY_DNABERT
    protein_config = _TINY_ESM2 if name == DNABERT_S else ESM2_CONFIGS[name]
    dna, protein = dnabert_s_state(dna_config), esm2_state(protein_config)
    if name == DNABERT_S:
        save_file(dna, published / "model.safetensors")
    else:
        save_file(protein, published / "model.safetensors", metadata={"format": "pt"})
        _write_hugging_face_files(protein_config, published)
    write_bundle(
        staging / "bundle",
        name=f"random-{name}",
        description="Random weights to measure speed with.",
        licence="CC0-1.0",
        window_size=300,
        dna=_with_weights(lambda: DnabertS(dna_config), convert_dnabert_s(dna, dna_config)),
        dna_tokenizer=tokenizer,
        protein=_with_weights(lambda: Esm2(protein_config), convert_esm2(protein, protein_config)),
        classifier=MlpClassifier(ClassifierConfig(dna_config.width + protein_config.width, 8)),
    )
    staging.replace(directory)


def _with_weights(build: Callable[[], _Encoder], state: dict[str, Tensor]) -> _Encoder:
    with torch.device("meta"):
        encoder = build()
    encoder.load_state_dict(state, strict=True, assign=True)
    return encoder


def _train_tokenizer() -> tokenizers.Tokenizer:
    """Byte pairs of random DNA: about the letters per token that DNABERT-S's tokenizer has."""
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    rng = np.random.default_rng(_SEED)
    text = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), (_TOKENIZER_BASES // 100, 100))
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="[UNK]"))
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=_TINY_DNABERT.vocabulary_size, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator((row.tobytes().decode() for row in text), trainer)
    return tokenizer


def _write_hugging_face_files(config: Esm2Config, directory: Path) -> None:
    """What `from_pretrained` reads besides the weights."""
    alphabet = Esm2Tokenizer.alphabet
    document = {
        "architectures": ["EsmForMaskedLM"],
        "model_type": "esm",
        "vocab_size": len(alphabet),
        "mask_token_id": Esm2Tokenizer.mask_id,
        "pad_token_id": Esm2Tokenizer.pad_id,
        "hidden_size": config.width,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "intermediate_size": config.feed_forward_width,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": 1026,
        "layer_norm_eps": 1e-05,
        "position_embedding_type": "rotary",
        "emb_layer_norm_before": False,
        "token_dropout": True,
        "tie_word_embeddings": True,
    }
    (directory / "config.json").write_text(json.dumps(document, indent=2))
    (directory / "vocab.txt").write_text("\n".join(alphabet))
    tokenizer = {"tokenizer_class": "EsmTokenizer", "model_max_length": 1024}
    (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    special = {f"{role}_token": f"<{role}>" for role in ("cls", "pad", "eos", "unk", "mask")}
    (directory / "special_tokens_map.json").write_text(json.dumps(special))


if __name__ == "__main__":
    make_models(sys.argv[1], Path(sys.argv[2]))
