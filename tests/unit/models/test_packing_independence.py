"""A sequence's embedding depends on itself alone, whatever lies beside it in the batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from virnucpro_core.models import DnabertS, DnabertSConfig, Encoder, Esm2, Esm2Config, Esm2Tokenizer
from virnucpro_core.models._layout import SequenceGroup, plan_layout

from .helpers import max_difference, pack, random_tokens, randomise
from .tolerances import TOLERANCES

CPU = torch.device("cpu")


@pytest.fixture(params=["esm2", "dnabert_s"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    model: Encoder
    if request.param == "esm2":
        model = Esm2(Esm2Config(n_layers=4, width=96, n_heads=6))
    else:
        model = DnabertS(
            DnabertSConfig(
                n_layers=4, width=96, n_heads=6, feed_forward_width=128, vocabulary_size=33
            )
        )
    randomise(model, seed=5, gain=1.0)
    return model.eval()


def embed(encoder: Encoder, sequences: list[Tensor], layer: int | None = None) -> list[Tensor]:
    tokens, cu_seqlens = pack(sequences)
    with torch.inference_mode():
        return list(encoder(tokens, cu_seqlens, layer=layer).split([len(s) for s in sequences]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["fp32", "fp64"])
@pytest.mark.parametrize(
    "order",
    [[3, 0, 2, 1, 4, 5], [5, 4, 3, 2, 1, 0], [0, 3], [1, 1, 1, 0], [4, 0, 4, 0, 2]],
    ids=lambda order: "-".join(map(str, order)),
)
def test_alone_and_in_any_batch_are_the_same(
    encoder: Encoder, order: list[int], dtype: torch.dtype
) -> None:
    limits = {torch.float32: TOLERANCES.neighbour, torch.float64: TOLERANCES.neighbour_fp64}
    encoder.to(dtype)
    sequences = random_tokens([30, 30, 101, 2, 1, 64], 33)
    sequences[1][3:20] = Esm2Tokenizer.mask_id
    alone = [embed(encoder, [sequence])[0] for sequence in sequences]
    batch = embed(encoder, [sequences[i] for i in order])
    for i, found in zip(order, batch, strict=True):
        assert max_difference(found, alone[i]) <= limits[dtype]


def test_the_neighbours_content_does_not_matter(encoder: Encoder) -> None:
    first, second, other = random_tokens([50, 50, 50], 33)
    with_second = embed(encoder, [first, second])[0]
    with_other = embed(encoder, [first, other])[0]
    assert torch.equal(with_second, with_other)


def test_sequences_of_no_token_and_empty_batches_are_allowed(encoder: Encoder) -> None:
    sequences = random_tokens([7, 5], 33)
    tokens = torch.cat(sequences)
    expected = torch.cat(embed(encoder, sequences))
    with torch.inference_mode():
        found = encoder(tokens, torch.tensor([0, 0, 7, 7, 12, 12]))
        nothing = encoder(tokens[:0], torch.tensor([0]))
    assert max_difference(found, expected) <= TOLERANCES.neighbour
    assert nothing.shape == (0, encoder.width)


def test_int32_tokens_and_bounds_give_the_same(encoder: Encoder) -> None:
    tokens, cu_seqlens = pack(random_tokens([9, 4], 33))
    with torch.inference_mode():
        expected = encoder(tokens, cu_seqlens)
        assert torch.equal(encoder(tokens.int(), cu_seqlens.int()), expected)


def test_an_earlier_layer_is_not_the_last_one(encoder: Encoder) -> None:
    sequences = random_tokens([20], 33)
    last = embed(encoder, sequences)[0]
    assert torch.equal(last, embed(encoder, sequences, layer=encoder.n_layers)[0])
    assert not torch.allclose(last, embed(encoder, sequences, layer=3)[0], atol=0.1)


@pytest.mark.parametrize("layer", [-1, 5])
def test_a_layer_that_does_not_exist_is_refused(encoder: Encoder, layer: int) -> None:
    with pytest.raises(ValueError, match=f"has layers 0 to 4, not {layer}"):
        embed(encoder, random_tokens([5], 33), layer=layer)


def test_bf16_stays_close_to_fp32(encoder: Encoder) -> None:
    sequences = random_tokens([40, 25], 33)
    expected = torch.cat(embed(encoder, sequences))
    found = torch.cat(embed(encoder.to(torch.bfloat16), sequences))
    assert found.dtype == torch.bfloat16
    limit = TOLERANCES.half_precision * expected.abs().max().item()
    assert max_difference(found, expected) <= limit


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([0, 5, 9], "from 0 to the 10 tokens"),
        ([1, 10], "from 0 to the 10 tokens"),
        ([0, 7, 5, 10], "must not decrease"),
        ([], "from 0 to the 10 tokens"),
        ([[0, 10]], "from 0 to the 10 tokens"),
        ([0, 1, 2, 3, 4, 5, 6, 11], r"\[0, 1, 2, 3, …, 11\]"),
    ],
)
def test_bounds_that_do_not_fit_are_refused(bounds: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_layout(torch.tensor(bounds, dtype=torch.int64), 10, CPU)


def test_layout_sorts_by_length_and_back() -> None:
    # Three sequences of 2, 3 and 2 tokens.
    layout = plan_layout(torch.tensor([0, 2, 5, 7]), 7, CPU)
    given = torch.tensor([10, 11, 20, 21, 22, 30, 31])
    ordered = layout.sort(given)
    assert ordered.tolist() == [20, 21, 22, 10, 11, 30, 31]
    assert layout.unsort(ordered).tolist() == given.tolist()
    assert layout.groups == (SequenceGroup(0, 1, 3), SequenceGroup(3, 2, 2))
    assert layout.positions.tolist() == [0, 1, 2, 0, 1, 0, 1]
    assert layout.sequence_index.tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert layout.max_length == 3


def test_a_sorted_batch_is_not_moved() -> None:
    layout = plan_layout(torch.tensor([0, 3, 5, 7]), 7, CPU)
    assert layout.order is None
    assert layout.restore is None
