"""Parts of an embedding run: a run that is ended anywhere goes on where it was, to the bit."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.embedding.test_embed import memory_for, proteins, settings
from virnucpro_core.embedding import CheckpointPlan, EmbedResult, embed
from virnucpro_core.embedding import _parts as parts_module
from virnucpro_core.errors import HostMemoryError, NumericError, StoppedError, StoreError
from virnucpro_core.models import Esm2, Esm2Config, Esm2Tokenizer
from virnucpro_core.store import (
    BlobInfo,
    ByteStrings,
    Checkpoint,
    EmbeddingWork,
    SetAside,
    open_store,
)

WIDTH = 32
N = 60


@pytest.fixture(scope="module")
def encoder() -> Esm2:
    torch.manual_seed(3)
    return Esm2(Esm2Config(n_layers=2, width=WIDTH, n_heads=4)).eval()


@pytest.fixture(scope="module")
def undisturbed(encoder: Esm2) -> EmbedResult:
    return embed(proteins(N), encoder, Esm2Tokenizer(), settings())


def work(n_sequences: int = N) -> EmbeddingWork:
    return EmbeddingWork(
        label="s 1", molecule="protein", shard_sha256="a", n_sequences=n_sequences, model="m",
        weights_sha256="b", layer=2, pooling="mean", engine="v2", precision="fp32",
        attention="auto", width=WIDTH, code_sha256="c",
    )  # fmt: skip


def plan(folder: Path, part_seconds: float = 0, n_sequences: int = N) -> CheckpointPlan:
    return CheckpointPlan(Checkpoint(open_store(folder), work(n_sequences)), part_seconds)


def run(encoder: Esm2, folder: Path, *, part_seconds: float = 0, **options: Any) -> EmbedResult:
    strings = options.pop("strings", proteins(N))
    return embed(
        strings,
        encoder,
        Esm2Tokenizer(),
        options.pop("settings", settings()),
        plan=plan(folder, part_seconds, len(strings)),
        **options,
    )


def stop_after(n_batches: int) -> Any:
    asked = iter(range(1_000_000))
    return lambda: next(asked) + 1 >= n_batches


def parts_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.h5"))


def test_a_checkpoint_changes_no_result(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path
) -> None:
    result = run(encoder, tmp_path)
    assert np.array_equal(result.values, undisturbed.values)
    assert len(parts_of(tmp_path)) == result.n_batches > 3
    assert result.n_resumed == 0


@pytest.mark.parametrize("n_batches", [1, 2, 3])
def test_a_stopped_run_goes_on_to_the_same_bits(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path, n_batches: int
) -> None:
    with pytest.raises(StoppedError):
        # No part is full before the stop: what is finished is committed on the way out.
        run(encoder, tmp_path, part_seconds=1000, is_stopped=stop_after(n_batches))
    assert len(parts_of(tmp_path)) == 1
    result = run(encoder, tmp_path)
    assert np.array_equal(result.values, undisturbed.values)
    assert result.n_batches == undisturbed.n_batches - n_batches
    assert 0 < result.n_resumed < N
    assert result.n_tokens == undisturbed.n_tokens


def test_a_run_stopped_again_and_again_does_every_batch_once(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path
) -> None:
    n_stops = 0
    while True:
        try:
            result = run(encoder, tmp_path, is_stopped=stop_after(1))
            break
        except StoppedError:
            n_stops += 1
    assert np.array_equal(result.values, undisturbed.values)
    assert n_stops == undisturbed.n_batches


def test_a_finished_run_is_not_embedded_again(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path
) -> None:
    run(encoder, tmp_path)
    done: list[int] = []
    result = run(encoder, tmp_path, progress=done.append)
    assert result.n_batches == 0
    assert result.n_resumed == N
    assert done[-1] == N
    assert np.array_equal(result.values, undisturbed.values)


def test_any_error_leaves_what_was_finished(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = Esm2.forward, iter(range(100))

    def failing(self: Esm2, *args: Any, **options: Any) -> torch.Tensor:
        if next(calls) == 2:
            raise RuntimeError("the device fell off the bus")
        return forward(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Esm2, "forward", failing)
        with pytest.raises(RuntimeError, match="off the bus"):
            run(encoder, tmp_path, part_seconds=1000)
    result = run(encoder, tmp_path)
    assert result.n_batches == undisturbed.n_batches - 2
    assert np.array_equal(result.values, undisturbed.values)


def test_a_bad_part_is_embedded_again_and_named(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path
) -> None:
    run(encoder, tmp_path)
    path = parts_of(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-1])
    result = run(encoder, tmp_path)
    assert result.n_batches == 1
    (bad,) = result.bad_parts
    assert bad.name.endswith(path.name)
    assert np.array_equal(result.values, undisturbed.values)
    # The same part has the same name: the good one has taken the bad one's place.
    assert run(encoder, tmp_path).bad_parts == ()


def test_a_part_that_went_missing_is_embedded_again(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path
) -> None:
    run(encoder, tmp_path)
    for path in parts_of(tmp_path)[::2]:
        path.unlink()
    assert np.array_equal(run(encoder, tmp_path).values, undisturbed.values)


def test_a_machine_with_other_caches_goes_on_with_the_budget_that_was_begun(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget_of = "virnucpro_core.embedding._settings.token_budget_for"
    automatic = settings(0)
    monkeypatch.setattr(budget_of, lambda *_: 512)
    with pytest.raises(StoppedError):
        run(encoder, tmp_path, settings=automatic, is_stopped=stop_after(2))
    monkeypatch.setattr(budget_of, lambda *_: 256)
    result = run(encoder, tmp_path, settings=automatic)
    assert result.n_resumed > 0
    assert result.begun_budget == 512
    assert np.array_equal(result.values, undisturbed.values)


def test_a_budget_that_is_asked_for_is_kept(encoder: Esm2, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(encoder, tmp_path, is_stopped=stop_after(2))
    result = run(encoder, tmp_path, settings=settings(256))
    assert result.n_resumed == 0


def test_parts_of_a_run_without_batches_are_left_to_those_who_ask_for_it(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virnucpro_core.embedding._settings.token_budget_for", lambda *_: 512)
    unpacked = dataclasses.replace(settings(0), packed=False)
    with pytest.raises(StoppedError):
        run(encoder, tmp_path, settings=unpacked, is_stopped=stop_after(20))
    result = run(encoder, tmp_path, settings=settings(0))
    assert (result.n_resumed, result.begun_budget) == (0, None)
    assert result.n_batches == undisturbed.n_batches
    assert run(encoder, tmp_path, settings=unpacked).n_resumed == 20


def test_a_part_is_committed_when_its_time_is_up(tmp_path: Path) -> None:
    now = [0.0]
    values = np.zeros((10, WIDTH), np.float32)
    writer = parts_module.PartWriter(plan(tmp_path, 60), 512, values, clock=lambda: now[0])
    for index in range(10):
        now[0] += 25
        writer.add(np.array([index]))
    writer.finish()
    # 25, 50, 75: a part of three; then again.
    assert writer.n_committed == len(parts_of(tmp_path)) == 4


def test_a_part_is_committed_when_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts_module, "_MOST_PART_BYTES", 4 * WIDTH * 4)
    values = np.zeros((10, WIDTH), np.float32)
    writer = parts_module.PartWriter(plan(tmp_path, 1000), 512, values)
    for index in range(10):
        writer.add(np.array([index]))
    writer.finish()
    assert writer.n_committed == 3


class FullStore:
    """A store that is full after some blobs."""

    location = "full"

    def __init__(self, n_blobs: int) -> None:
        self._left = n_blobs

    def put(self, name: str, data: bytes) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoreError("the disk is full", where=name)

    def get(self, name: str) -> bytes | None:
        return None

    def list(self, prefix: str = "") -> list[BlobInfo]:
        return []

    def delete(self, names: Any) -> None:
        raise AssertionError


@pytest.mark.parametrize("n_blobs", [0, 1, 2, 4])
def test_a_store_that_cannot_be_written_ends_the_run(encoder: Esm2, n_blobs: int) -> None:
    full = CheckpointPlan(Checkpoint(FullStore(n_blobs), work()), 0)
    threads = set(threading.enumerate())
    with pytest.raises(StoreError, match="the disk is full") as caught:
        embed(proteins(N), encoder, Esm2Tokenizer(), settings(), plan=full)
    assert caught.value.exit_code == 3
    assert set(threading.enumerate()) <= threads


class HangingStore(FullStore):
    """A store whose writes never end."""

    def put(self, name: str, data: bytes) -> None:
        threading.Event().wait()


@pytest.mark.parametrize(
    # Until the stop nothing is to be committed; every batch is, and the third one waits for room.
    ("part_seconds", "n_asked"),
    [(1000, 2), (0, 5)],
)
def test_a_store_that_hangs_does_not_hold_up_a_stop(
    encoder: Esm2, monkeypatch: pytest.MonkeyPatch, part_seconds: float, n_asked: int
) -> None:
    monkeypatch.setattr("virnucpro_core.embedding._runner._STOP_SECONDS", 0.1)
    hanging = CheckpointPlan(Checkpoint(HangingStore(0), work()), part_seconds)
    with pytest.raises(StoppedError, match=r"the last part is lost: .* within 0.1 s"):
        embed(
            proteins(N),
            encoder,
            Esm2Tokenizer(),
            settings(256),
            plan=hanging,
            is_stopped=stop_after(n_asked),
        )


def poisoned(encoder: Esm2, letter: str) -> Esm2:
    """An encoder that makes NaN of every sequence with this letter."""
    copy = Esm2(encoder.config).eval()
    copy.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        copy.token_embedding.weight[Esm2Tokenizer.alphabet.index(letter)] = float("nan")
    return copy


STRINGS = ByteStrings.from_iterable([b"MKV", b"GGG", b"MWV", b"AAA", b"MWV", *[b"AG" * 9] * 95])


def test_a_sequence_that_is_never_finite_is_set_aside(encoder: Esm2, tmp_path: Path) -> None:
    expected = embed(STRINGS, encoder, Esm2Tokenizer(), settings())
    result = run(poisoned(encoder, "W"), tmp_path, strings=STRINGS, max_failed_fraction=0.02)
    assert result.set_aside.tolist() == [
        0,
        0,
        SetAside.NOT_FINITE,
        0,
        SetAside.NOT_FINITE,
        *[0] * 95,
    ]
    assert np.isnan(result.values[[2, 4]]).all()
    others = np.delete(np.arange(100), [2, 4])
    assert np.array_equal(result.values[others], expected.values[others])


def test_too_many_failures_end_the_run(encoder: Esm2, tmp_path: Path) -> None:
    with pytest.raises(
        NumericError, match=r"sequence 3: .* so far 2 of 100 sequences failed, more than the 1.00%"
    ):
        run(poisoned(encoder, "W"), tmp_path, strings=STRINGS, max_failed_fraction=0.01)


def test_where_nothing_is_finite_the_run_ends_soon(
    encoder: Esm2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, n_calls = Esm2.forward, 0

    def broken(self: Esm2, *args: Any, **options: Any) -> torch.Tensor:
        nonlocal n_calls
        n_calls += 1
        return forward(self, *args, **options) * float("nan")

    monkeypatch.setattr(Esm2, "forward", broken)
    with pytest.raises(NumericError, match="so far 4 of 60 sequences failed"):
        run(encoder, tmp_path, max_failed_fraction=0.05)
    # One batch holds more than the three that may fail; four of it are tried alone, twice.
    assert n_calls == 1 + 2 * 4


def test_a_result_that_is_finite_the_second_time_is_kept(
    encoder: Esm2, undisturbed: EmbedResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = Esm2.forward, iter(range(1000))

    def flickering(self: Esm2, *args: Any, **options: Any) -> torch.Tensor:
        hidden = forward(self, *args, **options)
        return hidden * float("nan") if next(calls) == 1 else hidden

    monkeypatch.setattr(Esm2, "forward", flickering)
    result = run(encoder, tmp_path)
    assert not result.set_aside.any()
    np.testing.assert_allclose(result.values, undisturbed.values, atol=1e-5)
    # The sound ones of that batch, embedded alone, are in the parts as well.
    again = run(encoder, tmp_path)
    assert again.n_batches == 0
    assert np.array_equal(again.values, result.values)


def test_a_sequence_that_never_fits_is_set_aside_after_two_attempts(
    encoder: Esm2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strings = ByteStrings.from_iterable([b"MKV", b"G" * 200, b"MWV", b"AAA"])
    seen = memory_for(100, MemoryError(), monkeypatch)
    result = run(encoder, tmp_path, strings=strings, max_failed_fraction=0.25)
    assert result.set_aside.tolist() == [0, SetAside.MEMORY, 0, 0]
    assert seen.count(202) == 2
    assert np.isfinite(result.values[[0, 2, 3]]).all()


def test_too_many_that_do_not_fit_end_the_run_at_once(
    encoder: Esm2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = memory_for(0, MemoryError(), monkeypatch)
    with pytest.raises(HostMemoryError, match=r"even alone; so far 1 of 60"):
        run(encoder, tmp_path, max_failed_fraction=0.01)
    assert len(seen) < 20
