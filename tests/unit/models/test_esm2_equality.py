"""ESM-2 computes what fair-esm and transformers compute, on the same random weights."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from virnucpro_core.models import (
    ESM2_CONFIGS,
    Esm2,
    Esm2Config,
    Esm2Tokenizer,
    convert_esm2,
)

from .helpers import byte_strings, max_difference, pack, proteins, randomise
from .tolerances import TOLERANCES

fair_esm = pytest.importorskip("esm.model.esm2")
transformers = pytest.importorskip("transformers")

# Residues per sequence: mixed, repeated, unsorted, with the shortest and longer ones.
LENGTHS = (57, 1, 301, 57, 128, 2, 9, 57)
CONFIGS = {
    "esm2_t6_8M_UR50D": ESM2_CONFIGS["esm2_t6_8M_UR50D"],
    "one head of width 8": Esm2Config(n_layers=2, width=8, n_heads=1),
    "demo-sized": Esm2Config(n_layers=4, width=96, n_heads=6),
    "wide": Esm2Config(n_layers=3, width=640, n_heads=20),
}


@dataclass(frozen=True)
class Case:
    """One shape: the two peers with the same weights, and a batch."""

    config: Esm2Config
    fair: torch.nn.Module
    hugging_face: torch.nn.Module
    sequences: list[Tensor]


def to_hugging_face_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """fair-esm's names to those of transformers' EsmModel, written apart from our conversion."""
    replacements = [
        (r"^embed_tokens\.", "embeddings.word_embeddings."),
        (r"^emb_layer_norm_after\.", "encoder.emb_layer_norm_after."),
        (r"^layers\.(\d+)\.", r"encoder.layer.\1."),
        (r"self_attn_layer_norm\.", "attention.LayerNorm."),
        (r"self_attn\.q_proj\.", "attention.self.query."),
        (r"self_attn\.k_proj\.", "attention.self.key."),
        (r"self_attn\.v_proj\.", "attention.self.value."),
        (r"self_attn\.out_proj\.", "attention.output.dense."),
        (r"fc1\.", "intermediate.dense."),
        (r"fc2\.", "output.dense."),
        (r"final_layer_norm\.", "LayerNorm."),
    ]
    renamed = {}
    for name, tensor in state.items():
        if name.startswith(("lm_head.", "contact_head.")) or name.endswith(".inv_freq"):
            continue
        for pattern, replacement in replacements:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    return renamed


@pytest.fixture(scope="module", params=CONFIGS)
def case(request: pytest.FixtureRequest) -> Case:
    config = CONFIGS[request.param]
    fair = fair_esm.ESM2(
        num_layers=config.n_layers,
        embed_dim=config.width,
        attention_heads=config.n_heads,
        alphabet="ESM-1b",
        token_dropout=True,
    ).eval()
    randomise(fair, seed=1)
    hugging_face = transformers.EsmModel(
        transformers.EsmConfig(
            vocab_size=33,
            mask_token_id=32,
            pad_token_id=1,
            hidden_size=config.width,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            intermediate_size=4 * config.width,
            layer_norm_eps=1e-5,
            position_embedding_type="rotary",
            token_dropout=True,
            emb_layer_norm_before=False,
            attn_implementation="eager",
        ),
        add_pooling_layer=False,
    ).eval()
    missing, unexpected = hugging_face.load_state_dict(
        to_hugging_face_names(fair.state_dict()), strict=False
    )
    assert not unexpected
    assert all(name.startswith(("rotary_embeddings.", "contact_head.")) for name in missing)
    packed = Esm2Tokenizer().tokenize(byte_strings(proteins(LENGTHS)))
    ids = torch.from_numpy(packed.ids).long()
    sequences = list(ids.split(packed.lengths.tolist()))
    # Two of them with mask tokens: the scaling of the embeddings is per sequence.
    sequences[2][5:60:3] = Esm2Tokenizer.mask_id
    sequences[3][1] = Esm2Tokenizer.mask_id
    return Case(config, fair, hugging_face, sequences)


def pad(sequences: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(
        sequences, batch_first=True, padding_value=Esm2Tokenizer.pad_id
    )


def strip(padded: Tensor, sequences: list[Tensor]) -> Tensor:
    """[B, L, D] to [T, D]."""
    return torch.cat([row[: len(tokens)] for row, tokens in zip(padded, sequences, strict=True)])


def ours(case: Case, state: dict[str, Tensor]) -> list[Tensor]:
    """Every layer's output, [T, D] each."""
    model = Esm2(case.config)
    model.load_state_dict(convert_esm2(state, case.config))
    tokens, cu_seqlens = pack(case.sequences)
    with torch.inference_mode():
        return [model(tokens, cu_seqlens, layer=n) for n in range(case.config.n_layers + 1)]


def assert_equal_layers(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) == len(expected)
    for layer, (a, b) in enumerate(zip(found, expected, strict=True)):
        difference = max_difference(a, b)
        assert difference <= TOLERANCES.peer, f"layer {layer} differs by {difference:.1e}"
    for before, after in itertools.pairwise(expected):
        change = (before - after).abs().mean().item()
        assert change > 1000 * TOLERANCES.peer, "these weights would hide a missing layer"


def test_every_layer_equals_fair_esm(case: Case) -> None:
    layers = range(case.config.n_layers + 1)
    with torch.inference_mode():
        result = case.fair(pad(case.sequences), repr_layers=list(layers))["representations"]
    expected = [strip(result[layer], case.sequences) for layer in layers]
    assert_equal_layers(ours(case, case.fair.state_dict()), expected)


def test_every_layer_equals_transformers(case: Case) -> None:
    padded = pad(case.sequences)
    mask = (padded != Esm2Tokenizer.pad_id).long()
    with torch.inference_mode():
        result = case.hugging_face(padded, attention_mask=mask, output_hidden_states=True)
    hidden = [*result.hidden_states[:-1], result.last_hidden_state]
    expected = [strip(layer, case.sequences) for layer in hidden]
    assert_equal_layers(ours(case, case.hugging_face.state_dict()), expected)


def test_both_namings_give_the_same_weights(case: Case) -> None:
    fair = convert_esm2(case.fair.state_dict(), case.config)
    hugging_face = convert_esm2(case.hugging_face.state_dict(), case.config)
    assert fair.keys() == hugging_face.keys()
    for name, tensor in fair.items():
        assert torch.equal(tensor, hugging_face[name]), name
