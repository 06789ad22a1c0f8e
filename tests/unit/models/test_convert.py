"""Published checkpoints become ours, or one clear error that names the tensor."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from virnucpro_core.errors import BundleError
from virnucpro_core.models import (
    DnabertS,
    DnabertSConfig,
    Esm2,
    Esm2Config,
    convert_dnabert_s,
    convert_esm2,
)

ESM2 = Esm2Config(n_layers=2, width=8, n_heads=2)
DNABERT_S = DnabertSConfig(
    n_layers=2, width=8, n_heads=2, feed_forward_width=12, vocabulary_size=20
)


def filled(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Tensors that all differ."""
    return {
        name: torch.arange(torch.Size(shape).numel()).reshape(shape) + 1000.0 * i
        for i, (name, shape) in enumerate(shapes.items())
    }


def fair_esm_state() -> dict[str, Tensor]:
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (33, 8)}
    for i in range(2):
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"layers.{i}.self_attn.{part}.weight"] = (8, 8)
            shapes[f"layers.{i}.self_attn.{part}.bias"] = (8,)
        shapes[f"layers.{i}.self_attn.rot_emb.inv_freq"] = (2,)
        for name, rows, columns in (("fc1", 32, 8), ("fc2", 8, 32)):
            shapes[f"layers.{i}.{name}.weight"] = (rows, columns)
            shapes[f"layers.{i}.{name}.bias"] = (rows,)
        for name in ("self_attn_layer_norm", "final_layer_norm"):
            shapes[f"layers.{i}.{name}.weight"] = (8,)
            shapes[f"layers.{i}.{name}.bias"] = (8,)
    shapes |= {"emb_layer_norm_after.weight": (8,), "emb_layer_norm_after.bias": (8,)}
    shapes |= {"lm_head.weight": (33, 8), "contact_head.regression.weight": (1, 4)}
    return filled(shapes)


def hugging_face_state() -> dict[str, Tensor]:
    shapes: dict[str, tuple[int, ...]] = {"embeddings.word_embeddings.weight": (33, 8)}
    for i in range(2):
        layer = f"encoder.layer.{i}"
        for part in ("query", "key", "value"):
            shapes[f"{layer}.attention.self.{part}.weight"] = (8, 8)
            shapes[f"{layer}.attention.self.{part}.bias"] = (8,)
        shapes[f"{layer}.attention.self.rotary_embeddings.inv_freq"] = (2,)
        for name, rows, columns in (
            ("attention.output.dense", 8, 8),
            ("intermediate.dense", 32, 8),
            ("output.dense", 8, 32),
        ):
            shapes[f"{layer}.{name}.weight"] = (rows, columns)
            shapes[f"{layer}.{name}.bias"] = (rows,)
        for name in ("attention.LayerNorm", "LayerNorm"):
            shapes[f"{layer}.{name}.weight"] = (8,)
            shapes[f"{layer}.{name}.bias"] = (8,)
    after = "encoder.emb_layer_norm_after"
    shapes |= {f"{after}.weight": (8,), f"{after}.bias": (8,)}
    shapes |= {
        "embeddings.position_ids": (1, 40),
        "embeddings.position_embeddings.weight": (40, 8),
        "contact_head.regression.weight": (1, 4),
        "pooler.dense.weight": (8, 8),
    }
    return filled(shapes)


def dnabert_s_state() -> dict[str, Tensor]:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (20, 8),
        "embeddings.token_type_embeddings.weight": (2, 8),
        "embeddings.LayerNorm.weight": (8,),
        "embeddings.LayerNorm.bias": (8,),
    }
    for i in range(2):
        layer = f"encoder.layer.{i}"
        shapes |= {
            f"{layer}.attention.self.Wqkv.weight": (24, 8),
            f"{layer}.attention.self.Wqkv.bias": (24,),
            f"{layer}.attention.output.dense.weight": (8, 8),
            f"{layer}.attention.output.dense.bias": (8,),
            f"{layer}.attention.output.LayerNorm.weight": (8,),
            f"{layer}.attention.output.LayerNorm.bias": (8,),
            f"{layer}.mlp.gated_layers.weight": (24, 8),
            f"{layer}.mlp.wo.weight": (8, 12),
            f"{layer}.mlp.wo.bias": (8,),
            f"{layer}.mlp.layernorm.weight": (8,),
            f"{layer}.mlp.layernorm.bias": (8,),
        }
    shapes |= {"pooler.dense.weight": (8, 8), "pooler.dense.bias": (8,)}
    return filled(shapes)


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize("prefix", ["", "encoder.", "encoder.sentence_encoder."])
def test_fair_esm_names(prefix: str) -> None:
    state = prefixed(fair_esm_state(), prefix)
    # Original files keep the heads one level up.
    state["encoder.lm_head.dense.weight"] = torch.zeros(8, 8)
    converted = convert_esm2(state, ESM2)
    Esm2(ESM2).load_state_dict(converted, strict=True)
    parts = [state[f"{prefix}layers.1.self_attn.{part}_proj.weight"] for part in "qkv"]
    assert torch.equal(converted["layers.1.qkv.weight"], torch.cat(parts))


@pytest.mark.parametrize("prefix", ["", "esm."])
def test_hugging_face_names(prefix: str) -> None:
    state = prefixed(hugging_face_state(), prefix)
    state["lm_head.decoder.weight"] = torch.zeros(33, 8)
    converted = convert_esm2(state, ESM2)
    Esm2(ESM2).load_state_dict(converted, strict=True)
    layer = f"{prefix}encoder.layer.0"
    assert torch.equal(converted["layers.0.down.weight"], state[f"{layer}.output.dense.weight"])
    assert torch.equal(
        converted["layers.0.attention_out.weight"],
        state[f"{layer}.attention.output.dense.weight"],
    )


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_dnabert_s_names(prefix: str) -> None:
    state = prefixed(dnabert_s_state(), prefix)
    state["cls.predictions.bias"] = torch.zeros(20)
    converted = convert_dnabert_s(state, DNABERT_S)
    DnabertS(DNABERT_S).load_state_dict(converted, strict=True)
    types = state[f"{prefix}embeddings.token_type_embeddings.weight"]
    assert torch.equal(converted["token_type_embedding"], types[0])


CASES = [
    pytest.param(convert_esm2, fair_esm_state, ESM2, id="fair-esm"),
    pytest.param(convert_esm2, hugging_face_state, ESM2, id="hugging-face"),
    pytest.param(convert_dnabert_s, dnabert_s_state, DNABERT_S, id="dnabert-s"),
]


def needed(state: dict[str, Tensor]) -> list[str]:
    unused = ("lm_head", "contact_head", "pooler", "position_", "inv_freq")
    return [name for name in state if not any(part in name for part in unused)]


@pytest.mark.parametrize(("convert", "make", "config"), CASES)
def test_a_missing_tensor_is_named(convert, make, config) -> None:
    for name in needed(make()):
        state = make()
        del state[name]
        with pytest.raises(BundleError) as caught:
            convert(state, config)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("convert", "make", "config"), CASES)
def test_a_wrong_shape_is_named(convert, make, config) -> None:
    for name in needed(make()):
        state = make()
        state[name] = state[name][..., :-1]
        with pytest.raises(BundleError, match="has shape") as caught:
            convert(state, config)
        assert name in str(caught.value)


@pytest.mark.parametrize(("convert", "make", "config"), CASES)
def test_an_unexpected_tensor_is_named(convert, make, config) -> None:
    state = make()
    state["layers.7.extra.weight"] = torch.zeros(1)
    with pytest.raises(BundleError, match=r"unexpected tensor layers\.7\.extra\.weight"):
        convert(state, config)


def test_a_larger_model_than_configured_is_refused() -> None:
    with pytest.raises(BundleError, match="unexpected tensor"):
        convert_esm2(fair_esm_state(), Esm2Config(n_layers=1, width=8, n_heads=2))


def test_esm_1b_is_refused() -> None:
    state = fair_esm_state() | {"embed_positions.weight": torch.zeros(40, 8)}
    with pytest.raises(BundleError, match=r"embed_positions\.weight"):
        convert_esm2(state, ESM2)


def test_two_models_in_one_checkpoint_are_refused() -> None:
    state = prefixed(fair_esm_state(), "a.") | prefixed(fair_esm_state(), "b.")
    with pytest.raises(BundleError, match=r"has 2 tensors named embed_tokens\.weight"):
        convert_esm2(state, ESM2)


def test_a_checkpoint_of_something_else_is_refused() -> None:
    with pytest.raises(BundleError, match="has no tensors named"):
        convert_esm2({"conv1.weight": torch.zeros(3)}, ESM2)
