"""Small random models written as Hugging Face lays them out."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.unit.models.helpers import dna_tokenizer

ESM2_CONFIG = {
    "model_type": "esm",
    "hidden_size": 16,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 33,
    "position_embedding_type": "rotary",
    "token_dropout": True,
    "layer_norm_eps": 1e-5,
    "emb_layer_norm_before": False,
    "max_position_embeddings": 64,
    "pad_token_id": 1,
    "mask_token_id": 32,
}


def esm2_tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights by the names of ``transformers``' EsmForMaskedLM."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int, mean: float = 0.0) -> torch.Tensor:
        return mean + 0.4 * torch.randn(shape, generator=generator)

    tensors = {"esm.embeddings.word_embeddings.weight": random(33, 16)}

    def linear(name: str, n_out: int, n_in: int) -> None:
        tensors[f"{name}.weight"] = random(n_out, n_in)
        tensors[f"{name}.bias"] = random(n_out)

    def norm(name: str) -> None:
        tensors[f"{name}.weight"] = random(16, mean=1.0)
        tensors[f"{name}.bias"] = random(16)

    for number in range(2):
        layer = f"esm.encoder.layer.{number}"
        for part in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{part}", 16, 16)
        linear(f"{layer}.attention.output.dense", 16, 16)
        linear(f"{layer}.intermediate.dense", 64, 16)
        linear(f"{layer}.output.dense", 16, 64)
        norm(f"{layer}.attention.LayerNorm")
        norm(f"{layer}.LayerNorm")
    norm("esm.encoder.emb_layer_norm_after")
    tensors["lm_head.bias"] = random(33)
    return tensors


def write_esm2(path: Path, *, seed: int = 0, n_files: int = 1) -> Path:
    """Write a random ESM-2 of two layers and width 16, its weights in ``n_files`` files."""
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(ESM2_CONFIG))
    tensors = esm2_tensors(seed)
    if n_files == 1:
        save_file(tensors, path / "model.safetensors")
        return path
    weight_map = {}
    for number in range(n_files):
        file = f"model-{number + 1:05d}-of-{n_files:05d}.safetensors"
        names = list(tensors)[number::n_files]
        save_file({name: tensors[name] for name in names}, path / file)
        weight_map.update(dict.fromkeys(names, file))
    index = {"metadata": {}, "weight_map": weight_map}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    return path


def write_dnabert_s(path: Path, *, seed: int = 0) -> Path:
    """Write a random DNABERT-S of one layer and width 16 with a small tokenizer."""
    path.mkdir(parents=True)
    tokenizer = dna_tokenizer()
    tokenizer.save(str(path / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab_size()
    config = {
        "model_type": "bert",
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "vocab_size": vocabulary,
    }
    (path / "config.json").write_text(json.dumps(config))
    generator = torch.Generator().manual_seed(seed)
    layer = "bert.encoder.layer.0"
    shapes = {
        "bert.embeddings.word_embeddings.weight": (vocabulary, 16),
        "bert.embeddings.token_type_embeddings.weight": (2, 16),
        "bert.embeddings.LayerNorm.weight": (16,),
        "bert.embeddings.LayerNorm.bias": (16,),
        f"{layer}.attention.self.Wqkv.weight": (48, 16),
        f"{layer}.attention.self.Wqkv.bias": (48,),
        f"{layer}.attention.output.dense.weight": (16, 16),
        f"{layer}.attention.output.dense.bias": (16,),
        f"{layer}.attention.output.LayerNorm.weight": (16,),
        f"{layer}.attention.output.LayerNorm.bias": (16,),
        f"{layer}.mlp.gated_layers.weight": (64, 16),
        f"{layer}.mlp.wo.weight": (16, 32),
        f"{layer}.mlp.wo.bias": (16,),
        f"{layer}.mlp.layernorm.weight": (16,),
        f"{layer}.mlp.layernorm.bias": (16,),
    }
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    save_file(tensors, path / "model.safetensors")
    return path
