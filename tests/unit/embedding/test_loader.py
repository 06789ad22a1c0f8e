from __future__ import annotations

import itertools
import os
import pickle
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.embedding.shards import shard_of
from tests.unit.models.helpers import dna_tokenizer
from virnucpro_core._limits import available_cpus
from virnucpro_core.embedding import EmbedSettings, PackedBatch, Precision, packed_batches
from virnucpro_core.embedding import _loader as loader
from virnucpro_core.errors import HostMemoryError, StoppedError, StoreError
from virnucpro_core.models import DnabertSTokenizer, Esm2Tokenizer, PackedTokens, Tokenizer
from virnucpro_core.store import ByteStrings


def sequences(n: int, letters: bytes = b"ACGT") -> ByteStrings:
    rng = np.random.default_rng(5)
    lengths = rng.integers(1, 60, n)
    return ByteStrings.from_lengths(
        rng.choice(np.frombuffer(letters, dtype=np.uint8), lengths.sum()), lengths
    )


def listed(batches: list[PackedBatch]) -> list[tuple[list[int], list[int], list[int]]]:
    return [(b.indices.tolist(), b.tokens.tolist(), b.cu_seqlens.tolist()) for b in batches]


@dataclass
class Counting:
    """A tokenizer that counts how many sequences it was given, and where."""

    n_sequences: int = 0
    threads: set[threading.Thread] = field(default_factory=set)

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        self.n_sequences += len(strings)
        self.threads.add(threading.current_thread())
        return Esm2Tokenizer().tokenize(strings)


class Dying:
    """A tokenizer whose process the kernel kills, as for want of memory."""

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class Uneven:
    """A tokenizer that never ends with one block, and whose process dies with another."""

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        if strings[0] == b"QQQ":
            return Esm2Tokenizer().tokenize(strings)
        if strings[0] == b"WWW":
            threading.Event().wait()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class Disturbed:
    """A tokenizer whose process is told to stop while it starts, and while it works."""

    state = 1

    def __getstate__(self) -> int:
        return self.state

    def __setstate__(self, state: int) -> None:
        self.disturb()

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        self.disturb()
        return Esm2Tokenizer().tokenize(strings)

    def disturb(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)


class Refusing:
    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        raise StoreError("cannot be read", where="shard.h5", remedy="make it again")


class WithoutDevice:
    """A tokenizer that only works where no device can be seen."""

    def tokenize(self, strings: ByteStrings) -> PackedTokens:
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
        assert not torch.cuda.is_initialized()
        return Esm2Tokenizer().tokenize(strings)


def test_batches_hold_every_sequence_once_with_its_own_tokens() -> None:
    strings = sequences(30)
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


def test_only_the_wanted_sequences_are_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "BLOCK_SEQUENCES", 4)
    wanted = np.array([0, 3, 4, 5, 6, 17, 18, 29])
    batches = list(packed_batches(sequences(30), Esm2Tokenizer(), 64, indices=wanted))
    assert sorted(np.concatenate([batch.indices for batch in batches])) == wanted.tolist()
    tokens = Esm2Tokenizer().tokenize(sequences(30))
    for batch in batches:
        assert batch.tokens.tolist() == tokens.take(batch.indices).ids.tolist()


@pytest.mark.parametrize("lengths", [(5, 5, 5, 5), (90, 1), (1, 90), (3, 2, 1), (30, 2, 2, 2, 2)])
def test_a_batch_splits_into_two_that_hold_the_same(lengths: tuple[int, ...]) -> None:
    strings = ByteStrings.from_iterable([b"M" * n for n in lengths])
    (batch,) = packed_batches(strings, Esm2Tokenizer(), 1000)
    first, second = batch.split()
    assert len(first) >= 1
    assert len(second) >= 1
    assert [*first.indices, *second.indices] == batch.indices.tolist()
    assert torch.equal(torch.cat([first.tokens, second.tokens]), batch.tokens)
    assert [*first.cu_seqlens.diff(), *second.cu_seqlens.diff()] == batch.cu_seqlens.diff().tolist()
    assert first.cu_seqlens[0] == second.cu_seqlens[0] == 0


def test_no_more_than_two_blocks_are_made_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "BLOCK_SEQUENCES", 10)
    tokenizer = Counting()
    taken = 0
    for batch in packed_batches(sequences(200), tokenizer, 64):
        taken += len(batch)
        # The block that this batch is from is not used up, and two are ahead of it.
        assert tokenizer.n_sequences <= taken + 10 + 20
    assert taken == tokenizer.n_sequences == 200


def test_the_thread_is_another_one_and_ends_with_the_work() -> None:
    tokenizer = Counting()
    list(packed_batches(sequences(20), tokenizer, 64))
    (worker,) = tokenizer.threads
    assert worker is not threading.current_thread()
    assert not worker.is_alive()


def test_the_thread_ends_when_the_batches_are_no_longer_wanted() -> None:
    tokenizer = Counting()
    batches = packed_batches(sequences(20), tokenizer, 64)
    next(batches)
    batches.close()
    (worker,) = tokenizer.threads
    assert not worker.is_alive()


def test_what_goes_wrong_in_the_thread_is_raised_here() -> None:
    with pytest.raises(StoreError, match=r"shard\.h5: cannot be read; make it again"):
        list(packed_batches(sequences(5), Refusing(), 64))


def test_processes_are_for_shards_beside_a_device(tmp_path: Path) -> None:
    shard = shard_of(sequences(10_000), tmp_path / "s.h5")
    cpu, cuda = (EmbedSettings(torch.device(name), Precision.FP32, 512) for name in ("cpu", "cuda"))
    assert loader.loader_processes(shard, cpu) == 0
    assert loader.loader_processes(sequences(10_000), cuda) == 0
    assert loader.loader_processes(shard, cuda) == min(2, available_cpus() - 1)
    assert loader.loader_processes(shard_of(sequences(9), tmp_path / "t.h5"), cuda) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "tokenizer",
    [Esm2Tokenizer(), DnabertSTokenizer(dna_tokenizer())],
    ids=["protein", "dna"],
)
def test_batches_are_the_same_for_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: Tokenizer
) -> None:
    monkeypatch.setattr(loader, "BLOCK_SEQUENCES", 16)
    shard = shard_of(sequences(150), tmp_path / "s.h5")
    by_processes = [
        listed(list(packed_batches(shard, tokenizer, 100, n_processes=n))) for n in (0, 1, 2)
    ]
    assert len(by_processes[0]) > 10
    assert by_processes[0] == by_processes[1] == by_processes[2]


@pytest.mark.slow
def test_a_process_sees_no_device(tmp_path: Path) -> None:
    shard = shard_of(sequences(20), tmp_path / "s.h5")
    assert list(packed_batches(shard, WithoutDevice(), 100, n_processes=1))


@pytest.mark.slow
def test_what_goes_wrong_in_a_process_is_raised_here(tmp_path: Path) -> None:
    shard = shard_of(sequences(20), tmp_path / "s.h5")
    with pytest.raises(StoreError, match=r"shard\.h5: cannot be read; make it again") as caught:
        list(packed_batches(shard, Refusing(), 100, n_processes=1))
    assert caught.value.remedy == "make it again"
    batches = packed_batches(shard, Esm2Tokenizer(), 100, n_processes=1)
    shard.path.write_bytes(b"nothing")
    with pytest.raises(StoreError, match="is not a readable HDF5 file"):
        list(batches)


@pytest.mark.slow
def test_a_process_that_is_killed_is_a_clear_error(tmp_path: Path) -> None:
    shard = shard_of(sequences(20), tmp_path / "s.h5")
    with pytest.raises(HostMemoryError, match=r"a process that tokenises .* killed"):
        list(packed_batches(shard, Dying(), 100, n_processes=1))


@pytest.mark.slow
def test_a_process_that_is_killed_when_all_are_to_stop_is_a_stop(tmp_path: Path) -> None:
    shard = shard_of(sequences(20), tmp_path / "s.h5")
    with pytest.raises(StoppedError):
        list(packed_batches(shard, Dying(), 100, n_processes=1, is_stopped=lambda: True))


@pytest.mark.slow
def test_the_others_end_with_a_process_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "BLOCK_SEQUENCES", 1)
    # By the first result the executor has learned of all its processes. The one that is through
    # with it dies of the third block, while the other is busy with the second.
    shard = shard_of(ByteStrings.from_iterable([b"QQQ", b"WWW", b"DDD"]), tmp_path / "s.h5")
    with pytest.raises(HostMemoryError, match=r"a process that tokenises .* killed"):
        list(packed_batches(shard, Uneven(), 100, n_processes=2))


@pytest.mark.slow
def test_a_signal_to_a_process_is_left_to_its_parent(tmp_path: Path) -> None:
    shard = shard_of(sequences(20), tmp_path / "s.h5")
    expected = listed(list(packed_batches(shard, Esm2Tokenizer(), 100)))
    assert listed(list(packed_batches(shard, Disturbed(), 100, n_processes=1))) == expected


ENDING = """
import os, signal, sys
from pathlib import Path
from virnucpro_core.embedding import packed_batches
from virnucpro_core.models import Esm2Tokenizer
from virnucpro_core.store import ShardStrings
from virnucpro_core.embedding import _loader
# What a shell starts in the background ignores Ctrl-C, and so would this.
signal.signal(signal.SIGINT, signal.default_int_handler)
_loader.BLOCK_SEQUENCES = 4
batches = packed_batches(ShardStrings(Path(sys.argv[1]), "proteins"), Esm2Tokenizer(), 50,
                         n_processes=2)
next(batches)
os.kill(os.getpid(), getattr(signal, sys.argv[2]))
signal.pause()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGINT"])
def test_no_process_outlives_its_parent(tmp_path: Path, name: str) -> None:
    shard = shard_of(sequences(100), tmp_path / "s.h5")
    command = [sys.executable, "-c", ENDING, str(shard.path), name]
    # Its processes have its output open too: this ends when the last of them has ended.
    parent = subprocess.run(command, capture_output=True, timeout=120)
    assert parent.returncode == -getattr(signal, name)


def test_an_error_is_the_same_on_the_other_side_of_a_process() -> None:
    error = StoreError("is damaged", where="x.h5", remedy="make it again")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is StoreError
    assert str(again) == str(error) == "x.h5: is damaged; make it again"
    assert again.exit_code == 3
