"""DNABERT-S computes what an independent padded implementation computes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from virnucpro_core.models import DnabertS, DnabertSConfig, convert_dnabert_s

from .helpers import max_difference, pack, random_tokens
from .padded_dnabert import SLOPES, padded_dnabert
from .tolerances import TOLERANCES

LENGTHS = (40, 1, 131, 40, 77, 2, 40)
CONFIGS = {
    "published heads": DnabertSConfig(n_layers=3),
    "demo-sized": DnabertSConfig(
        n_layers=4, width=64, n_heads=4, feed_forward_width=96, vocabulary_size=50
    ),
    "three heads": DnabertSConfig(
        n_layers=2, width=48, n_heads=3, feed_forward_width=64, vocabulary_size=50
    ),
}


def published_state(config: DnabertSConfig, seed: int) -> dict[str, Tensor]:
    """Random weights by the published names, large enough that a wrong formula shows."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, std: float = 1.0, mean: float = 0.0) -> Tensor:
        return mean + std * torch.randn(shape, generator=generator)

    state: dict[str, Tensor] = {}

    def linear(name: str, rows: int, columns: int, *, bias: bool = True) -> None:
        state[f"{name}.weight"] = normal(rows, columns, std=1.5 / columns**0.5)
        if bias:
            state[f"{name}.bias"] = normal(rows, std=0.3)

    def norm(name: str) -> None:
        state[f"{name}.weight"] = normal(config.width, std=0.2, mean=1.0)
        state[f"{name}.bias"] = normal(config.width, std=0.2)

    width, inner = config.width, config.feed_forward_width
    state["embeddings.word_embeddings.weight"] = normal(config.vocabulary_size, width)
    state["embeddings.token_type_embeddings.weight"] = normal(2, width)
    norm("embeddings.LayerNorm")
    for i in range(config.n_layers):
        layer = f"encoder.layer.{i}"
        linear(f"{layer}.attention.self.Wqkv", 3 * width, width)
        linear(f"{layer}.attention.output.dense", width, width)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.mlp.gated_layers", 2 * inner, width, bias=False)
        linear(f"{layer}.mlp.wo", width, inner)
        norm(f"{layer}.mlp.layernorm")
    return state


@pytest.mark.parametrize("name", CONFIGS)
def test_every_layer_equals_the_padded_reference(name: str) -> None:
    config = CONFIGS[name]
    state = published_state(config, seed=3)
    sequences = random_tokens(LENGTHS, config.vocabulary_size)
    ids = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=3)
    mask = torch.arange(ids.shape[1]) < torch.tensor(LENGTHS)[:, None]
    expected = padded_dnabert(state, ids, mask, n_layers=config.n_layers, n_heads=config.n_heads)

    model = DnabertS(config)
    model.load_state_dict(convert_dnabert_s(state, config))
    tokens, cu_seqlens = pack(sequences)
    for layer, padded in enumerate(expected):
        with torch.inference_mode():
            found = model(tokens, cu_seqlens, layer=layer)
        difference = max_difference(found, padded[mask])
        assert difference <= TOLERANCES.peer, f"layer {layer} differs by {difference:.1e}"
        if layer:
            change = (padded[mask] - expected[layer - 1][mask]).abs().mean()
            assert change > 1000 * TOLERANCES.peer, "these weights would hide a missing layer"


def test_slopes_are_those_of_the_paper() -> None:
    from virnucpro_core.models._alibi import alibi_slopes

    for n_heads, slopes in SLOPES.items():
        assert alibi_slopes(n_heads) == pytest.approx(slopes, rel=1e-12)


def test_the_published_size_is_the_default() -> None:
    with torch.device("meta"):
        model = DnabertS(DnabertSConfig())
    # The "117M" of the paper, without pooler and without the unused segment's embedding.
    assert sum(parameter.numel() for parameter in model.parameters()) == 116_477_184
