from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from virnucpro_core.embedding import (
    EmbedSettings,
    Precision,
    embed,
    mean_pool,
    packed_batches,
    prefetch,
    resolve_settings,
)
from virnucpro_core.embedding import _loader as loader
from virnucpro_core.errors import DeviceMemoryError, NumericError, UsageError
from virnucpro_core.models import Esm2, Esm2Config, Esm2Tokenizer
from virnucpro_core.store import ByteStrings

# The order of additions differs with the batch; 1e-5 is some 50 times what was seen in fp32.
SAME_SEQUENCE_OTHER_BATCH = 1e-5


def settings(token_budget: int = 512) -> EmbedSettings:
    return EmbedSettings(torch.device("cpu"), Precision.FP32, token_budget)


def proteins(n: int, longest: int = 60) -> ByteStrings:
    rng = np.random.default_rng(5)
    letters = np.frombuffer(b"LAGVSERTIDPKQNFYMHWC", dtype=np.uint8)
    lengths = rng.integers(1, longest, n)
    return ByteStrings.from_lengths(rng.choice(letters, lengths.sum()), lengths)


@pytest.fixture(scope="module")
def encoder() -> Esm2:
    torch.manual_seed(3)
    model = Esm2(Esm2Config(n_layers=2, width=32, n_heads=4)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)  # larger than at the start of training, so that differences would show
    return model


def alone(encoder: Esm2, strings: ByteStrings, index: int) -> np.ndarray:
    tokens = Esm2Tokenizer().tokenize(strings.slice(index, index + 1))
    with torch.inference_mode():
        hidden = encoder(torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets))
    return hidden[1:-1].mean(dim=0).numpy()


@pytest.mark.parametrize("token_budget", [1, 100, 100_000])
def test_results_are_in_input_order_whatever_the_plan(encoder: Esm2, token_budget: int) -> None:
    strings = proteins(70)
    result = embed(strings, encoder, Esm2Tokenizer(), settings(token_budget))
    expected = np.stack([alone(encoder, strings, i) for i in range(70)])
    assert np.abs(result.values - expected).max() < SAME_SEQUENCE_OTHER_BATCH
    assert np.abs(expected[0] - expected[1]).max() > 100 * SAME_SEQUENCE_OTHER_BATCH
    assert result.n_tokens == strings.lengths.sum() + 2 * 70


def test_planning_in_pieces_changes_no_result(
    encoder: Esm2, monkeypatch: pytest.MonkeyPatch
) -> None:
    strings = proteins(50)
    whole = embed(strings, encoder, Esm2Tokenizer(), settings())
    monkeypatch.setattr(loader, "PLAN_SEQUENCES", 7)
    pieces = embed(strings, encoder, Esm2Tokenizer(), settings())
    assert pieces.n_batches > whole.n_batches
    assert np.abs(pieces.values - whole.values).max() < SAME_SEQUENCE_OTHER_BATCH


def test_two_runs_are_bit_identical(encoder: Esm2) -> None:
    first, second = (embed(proteins(40), encoder, Esm2Tokenizer(), settings()) for _ in range(2))
    assert np.array_equal(first.values, second.values)


def test_batches_hold_every_sequence_once_with_its_own_tokens() -> None:
    strings = proteins(30)
    tokenizer = Esm2Tokenizer()
    tokens = tokenizer.tokenize(strings)
    seen = []
    for batch in packed_batches(strings, tokenizer, 128):
        for row, (low, high) in zip(
            batch.indices.tolist(), itertools.pairwise(batch.cu_seqlens.tolist()), strict=True
        ):
            expected = tokens.ids[tokens.offsets[row] : tokens.offsets[row + 1]]
            assert batch.tokens[low:high].tolist() == expected.tolist()
            seen.append(row)
        assert len(batch.tokens) <= 128
    assert sorted(seen) == list(range(30))


def test_no_sequences_give_no_embeddings(encoder: Esm2) -> None:
    result = embed(proteins(0), encoder, Esm2Tokenizer(), settings())
    assert result.values.shape == (0, 32)


def test_pooling_counts_special_tokens_only_where_they_belong() -> None:
    hidden = torch.tensor([[1.0], [2.0], [4.0], [9.0], [5.0], [6.0], [8.0]])
    cu_seqlens = torch.tensor([0, 4, 7])
    with_special = mean_pool(hidden, cu_seqlens, special_tokens=True)
    without = mean_pool(hidden, cu_seqlens, special_tokens=False)
    assert with_special.flatten().tolist() == pytest.approx([4.0, 19 / 3])
    assert without.flatten().tolist() == pytest.approx([3.0, 6.0])


def test_nan_is_caught_and_its_sequence_named(encoder: Esm2) -> None:
    poisoned = Esm2(encoder.config).eval()
    poisoned.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        poisoned.token_embedding.weight[Esm2Tokenizer.alphabet.index("W")] = float("nan")
    strings = ByteStrings.from_iterable([b"MKV", b"GGG", b"MWV", b"AAA"])
    with pytest.raises(NumericError, match=r"sequence 3: 1 of 4 embeddings hold NaN"):
        embed(strings, poisoned, Esm2Tokenizer(), settings())
    with pytest.raises(NumericError, match=r"sequence 3 \(c\): "):
        embed(strings, poisoned, Esm2Tokenizer(), settings(), ids=list("abcd"))


def test_a_device_without_memory_is_a_clear_error(
    encoder: Esm2, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Esm2, "forward", full)
    with pytest.raises(DeviceMemoryError, match="token_budget") as error:
        embed(proteins(3), encoder, Esm2Tokenizer(), settings())
    assert error.value.exit_code == 4


def test_prefetch_keeps_order_and_stays_within_its_depth() -> None:
    drawn = 0

    def source() -> Iterator[int]:
        nonlocal drawn
        for i in range(50):
            drawn += 1
            yield i

    for taken, item in enumerate(prefetch(source(), 3), start=1):
        assert item == taken - 1
        assert drawn <= taken + 3
    assert drawn == 50


def test_prefetch_draws_in_another_thread_and_ends_it() -> None:
    def source() -> Iterator[threading.Thread]:
        yield threading.current_thread()
        yield threading.current_thread()

    (worker, again) = prefetch(source(), 1)
    assert worker is again
    assert worker is not threading.current_thread()
    assert not worker.is_alive()


def test_what_the_loader_raises_reaches_the_consumer() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise KeyError("lost")

    items = prefetch(source(), 2)
    assert next(items) == 1
    with pytest.raises(KeyError, match="lost"):
        next(items)


def test_auto_settings_are_resolved_and_wrong_ones_refused() -> None:
    chosen = resolve_settings("cpu", Precision.AUTO, 0)
    assert chosen.precision is not Precision.AUTO
    assert chosen.token_budget > 0
    assert resolve_settings("cpu", Precision.FP16, 7).dtype is torch.float16
    for device in ("tpu", "gpu", "meta"):
        with pytest.raises(UsageError, match=device):
            resolve_settings(device, Precision.FP32, 0)
    with pytest.raises(UsageError, match="negative"):
        resolve_settings("cpu", Precision.FP32, -1)
