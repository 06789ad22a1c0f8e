from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.embedding.shards import shard_of
from virnucpro_core.embedding import (
    EmbedSettings,
    Precision,
    embed,
    encode_batches,
    mean_pool,
    resolve_settings,
)
from virnucpro_core.embedding import _loader as loader
from virnucpro_core.embedding._attempts import name_want_of_memory, sequence_does_not_fit
from virnucpro_core.errors import DeviceMemoryError, HostMemoryError, NumericError, UsageError
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
    monkeypatch.setattr(loader, "BLOCK_SEQUENCES", 7)
    pieces = embed(strings, encoder, Esm2Tokenizer(), settings())
    assert pieces.n_batches > whole.n_batches
    assert np.abs(pieces.values - whole.values).max() < SAME_SEQUENCE_OTHER_BATCH


def test_two_runs_are_bit_identical(encoder: Esm2) -> None:
    first, second = (embed(proteins(40), encoder, Esm2Tokenizer(), settings()) for _ in range(2))
    assert np.array_equal(first.values, second.values)


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
    with pytest.raises(NumericError, match=r"sequence 3: at least 1 of 4 embeddings hold NaN"):
        embed(strings, poisoned, Esm2Tokenizer(), settings())
    with pytest.raises(NumericError, match=r"sequence 3 \(c\): "):
        embed(strings, poisoned, Esm2Tokenizer(), settings(), ids=list("abcd"))


def memory_for(n_tokens: int, error: Exception, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the encoder fail above ``n_tokens``; returns the sizes of the batches it is given."""
    seen: list[int] = []
    forward = Esm2.forward

    def limited(self: Esm2, tokens: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        seen.append(len(tokens))
        if len(tokens) > n_tokens:
            raise error
        return forward(self, tokens, *args, **options)

    monkeypatch.setattr(Esm2, "forward", limited)
    return seen


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "cpu", "python"])
def test_a_batch_that_does_not_fit_is_split(
    encoder: Esm2, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    strings = proteins(40)
    expected = embed(strings, encoder, Esm2Tokenizer(), settings())
    seen = memory_for(130, error, monkeypatch)
    result = embed(strings, encoder, Esm2Tokenizer(), settings())
    assert max(seen) > 130
    assert np.abs(result.values - expected.values).max() < SAME_SEQUENCE_OTHER_BATCH
    assert result.n_tokens == expected.n_tokens
    assert result.n_batches > expected.n_batches


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "cpu", "python"])
def test_a_sequence_that_does_not_fit_alone_is_named(
    encoder: Esm2, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    strings = ByteStrings.from_iterable([b"MKV", b"G" * 200, b"MWV", b"AAA"])
    memory_for(100, error, monkeypatch)
    with pytest.raises(HostMemoryError, match=r"sequence 2: its 202 tokens .* cpu") as caught:
        embed(strings, encoder, Esm2Tokenizer(), settings())
    assert caught.value.exit_code == 4
    with pytest.raises(HostMemoryError, match=r"sequence 2 \(b\): "):
        embed(strings, encoder, Esm2Tokenizer(), settings(), ids=list("abcd"))


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "cpu", "python"])
def test_weights_that_do_not_fit_are_one_error(error: Exception) -> None:
    with (
        pytest.raises(HostMemoryError, match="the weights of m do not fit the memory of cpu"),
        name_want_of_memory("the weights of m", torch.device("cpu")),
    ):
        raise error
    with (
        pytest.raises(RuntimeError, match="shapes"),
        name_want_of_memory("the weights of m", torch.device("cpu")),
    ):
        raise RuntimeError("shapes cannot be multiplied")


def test_a_gpu_and_the_machine_are_told_apart() -> None:
    gpu = torch.device("cuda", 0)
    short, others = OUT_OF_MEMORY[0], OUT_OF_MEMORY[1:]
    with (
        pytest.raises(
            DeviceMemoryError, match="do not fit the memory of cuda:0; free the"
        ) as caught,
        name_want_of_memory("the weights of m", gpu),
    ):
        raise short
    assert caught.value.exit_code == 5
    assert sequence_does_not_fit(9, "x", gpu).exit_code == 5
    for error in others:
        with (
            pytest.raises(HostMemoryError, match="memory of the machine; give the task more"),
            name_want_of_memory("the weights of m", gpu),
        ):
            raise error


def test_other_errors_of_the_encoder_are_not_taken_for_want_of_memory(
    encoder: Esm2, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = memory_for(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"), monkeypatch)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        embed(proteins(3), encoder, Esm2Tokenizer(), settings())
    assert len(seen) == 1


def test_identical_sequences_are_embedded_once(encoder: Esm2) -> None:
    once = [b"MKVLA", b"GGGSW", b"MKVLAT", b"MKV"]
    order = [0, 1, 0, 2, 3, 3, 1, 0]
    repeated = ByteStrings.from_iterable(once[i] for i in order)
    done: list[int] = []
    result = embed(repeated, encoder, Esm2Tokenizer(), settings(8), progress=done.append)
    assert result.n_unique == 4
    assert result.n_tokens == sum(len(string) + 2 for string in once)
    expected = np.stack([alone(encoder, repeated, i) for i in range(len(order))])
    assert np.abs(result.values - expected).max() < SAME_SEQUENCE_OTHER_BATCH
    assert np.array_equal(result.values[0], result.values[7])
    assert done[-1] == 8


def test_progress_counts_up_to_all_sequences(encoder: Esm2) -> None:
    done: list[int] = []
    result = embed(proteins(50), encoder, Esm2Tokenizer(), settings(), progress=done.append)
    assert len(done) == result.n_batches
    assert done == sorted(set(done))
    assert done[-1] == 50


def test_without_packing_every_sequence_is_a_batch_of_its_own(encoder: Esm2) -> None:
    packed = embed(proteins(30), encoder, Esm2Tokenizer(), settings())
    alone = embed(proteins(30), encoder, Esm2Tokenizer(), replace(settings(), packed=False))
    assert alone.n_batches == 30 > packed.n_batches
    assert np.abs(alone.values - packed.values).max() < SAME_SEQUENCE_OTHER_BATCH


def test_encoded_batches_hold_the_tokens_of_every_sequence(encoder: Esm2) -> None:
    strings = proteins(30)
    expected = embed(strings, encoder, Esm2Tokenizer(), settings(), layer=1).values
    seen = []
    for encoded in encode_batches(strings, encoder, Esm2Tokenizer(), settings(), layer=1):
        bounds = encoded.batch.cu_seqlens.tolist()
        for row, low, high in zip(encoded.batch.indices.tolist(), bounds, bounds[1:], strict=False):
            mean = encoded.hidden[low + 1 : high - 1].mean(dim=0).numpy()
            assert np.abs(mean - expected[row]).max() < SAME_SEQUENCE_OTHER_BATCH
            seen.append(row)
    assert sorted(seen) == list(range(30))


def test_a_shard_is_read_by_range(encoder: Esm2, tmp_path: Path) -> None:
    strings = proteins(40)
    shard = shard_of(strings, tmp_path / "s.h5")
    from_file = embed(shard, encoder, Esm2Tokenizer(), settings())
    from_memory = embed(strings, encoder, Esm2Tokenizer(), settings())
    assert np.array_equal(from_file.values, from_memory.values)


def test_auto_settings_are_resolved_and_wrong_ones_refused() -> None:
    chosen = resolve_settings("cpu", Precision.AUTO, 0)
    assert chosen.precision is not Precision.AUTO
    assert chosen.budget_for(Esm2(Esm2Config(n_layers=1, width=8, n_heads=1))) >= 512
    assert resolve_settings("cpu", Precision.FP32, 0, "sdpa").attention == "sdpa"
    with pytest.raises(UsageError, match="flash runs on CUDA devices only"):
        resolve_settings("cpu", Precision.FP32, 0, "flash")
    assert resolve_settings("cpu", Precision.FP16, 7).dtype is torch.float16
    for device in ("tpu", "gpu", "meta"):
        with pytest.raises(UsageError, match=device):
            resolve_settings(device, Precision.FP32, 0)
    with pytest.raises(UsageError, match="negative"):
        resolve_settings("cpu", Precision.FP32, -1)
