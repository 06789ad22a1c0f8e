"""Packed batches, made ahead of the encoder by a thread or by processes of their own."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro_core._limits import available_cpus
from virnucpro_core.embedding._blocks import (
    BatchPlan,
    Block,
    BlockPlanner,
    LoaderContext,
    Strings,
    make_block,
    start_process,
)
from virnucpro_core.embedding._settings import EmbedSettings
from virnucpro_core.errors import HostMemoryError, StoppedError
from virnucpro_core.models import Tokenizer
from virnucpro_core.packing import plan_batches
from virnucpro_core.store import ByteStrings

__all__ = ["PackedBatch", "loader_processes", "packed_batches"]

BLOCK_SEQUENCES = 4_096
"""Sequences tokenised and planned together: enough for full batches, few enough that the next ones
are ready before the encoder is through with these."""

FIRST_BLOCK_SEQUENCES = 256
"""The first block is smaller, so that the encoder starts soon; each is at most 4 times the last."""

_MOST_PROCESSES = 4


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """``B`` sequences, their ``T`` tokens end to end.

    Attributes:
        indices: int64 [B], which sequences these are.
        tokens: int32 tensor [T] on the CPU.
        cu_seqlens: int64 tensor [B + 1] on the CPU; sequence ``b`` begins at
            ``cu_seqlens[b]`` and ends before ``cu_seqlens[b + 1]``.
    """

    indices: NDArray[np.int64]
    tokens: torch.Tensor
    cu_seqlens: torch.Tensor

    def __len__(self) -> int:
        return len(self.indices)

    def split(self) -> tuple[PackedBatch, PackedBatch]:
        """Two batches of about half the tokens each; this one has at least two sequences."""
        middle = int(torch.searchsorted(self.cu_seqlens, len(self.tokens) // 2))
        middle = min(max(middle, 1), len(self) - 1)
        return self._part(0, middle), self._part(middle, len(self))

    def _part(self, start: int, stop: int) -> PackedBatch:
        low, high = self.cu_seqlens[start], self.cu_seqlens[stop]
        return PackedBatch(
            self.indices[start:stop],
            self.tokens[low:high],
            self.cu_seqlens[start : stop + 1] - low,
        )


def packed_batches(
    strings: Strings,
    tokenizer: Tokenizer,
    token_budget: int,
    *,
    indices: NDArray[np.int64] | None = None,
    n_processes: int = 0,
    plan: BatchPlan | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Generator[PackedBatch, None, None]:
    """Tokenise, plan and pack sequences, ahead of whoever takes the batches.

    The batches are a pure function of all other arguments: neither the number of processes nor who
    is faster changes them. At most two blocks of `BLOCK_SEQUENCES` sequences (two for each
    process) are made ahead; then the makers wait.

    Args:
        strings: the sequences; read by range, never sent to a process unless they are in memory.
        tokenizer: the encoder's tokenizer.
        token_budget: tokens in a batch; a longer sequence has a batch of its own.
        indices: int64, ascending: the sequences wanted; None for all.
        n_processes: processes that tokenise; 0 for a thread of this one. They never touch a
            device, and they end with this process however it ends.
        plan: puts all sequences into batches at once, in a thread; None packs block by block.
        is_stopped: asked when a process has ended before its work.

    Raises:
        StoppedError: a process ended before its work, and ``is_stopped`` was true.
        HostMemoryError: a process ended before its work: that is how the kernel's out-of-memory
            killer leaves it. What else goes wrong in a process or in
            the thread is raised here as it is.
    """
    if indices is None:
        indices = np.arange(len(strings))
    planner = BlockPlanner(strings, tokenizer, token_budget, plan or plan_batches)
    executor: Executor
    make: Callable[[NDArray[np.int64]], Block]
    if n_processes == 0:
        executor = ThreadPoolExecutor(1, thread_name_prefix="loader")
        make = planner
    else:
        executor = ProcessPoolExecutor(
            n_processes,
            mp_context=LoaderContext(),
            initializer=start_process,
            initargs=(planner,),
        )
        make = make_block
    pieces = _pieces(indices) if plan is None else iter([indices] if len(indices) else [])
    ahead: deque[Future[Block]] = deque()
    try:
        for piece in pieces:
            with _signals_held_back():
                ahead.append(executor.submit(make, piece))
            if len(ahead) > 2 * max(n_processes, 1):
                yield from _batches(ahead.popleft().result())
        while ahead:
            yield from _batches(ahead.popleft().result())
    except BrokenProcessPool as error:
        if is_stopped():
            raise StoppedError("stopped by a signal") from error
        raise HostMemoryError(
            "a process that tokenises sequences ended before its work was done",
            remedy="it may have been killed for want of memory: give the task more",
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def loader_processes(strings: Strings, settings: EmbedSettings) -> int:
    """How many processes should tokenise: 0 (a thread) on the CPU, whose cores the encoder needs.

    Sequences that are in memory would have to be sent to the processes: the thread takes them.
    """
    if settings.device.type == "cpu" or isinstance(strings, ByteStrings):
        return 0
    blocks_worth_a_start = len(strings) // BLOCK_SEQUENCES
    return max(0, min(_MOST_PROCESSES, available_cpus() - 1, blocks_worth_a_start))


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Hold SIGTERM and SIGINT back, also from a process that the block starts.

    One that ended before `start_process` has run would leave its parent waiting for ever.
    """
    # Starting its helper lets the signals through again: it has to run already.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pieces(indices: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    start, n_sequences = 0, min(FIRST_BLOCK_SEQUENCES, BLOCK_SEQUENCES)
    while start < len(indices):
        yield indices[start : start + n_sequences]
        start += n_sequences
        n_sequences = min(4 * n_sequences, BLOCK_SEQUENCES)


def _batches(block: Block) -> Iterator[PackedBatch]:
    for start, stop in zip(block.bounds[:-1].tolist(), block.bounds[1:].tolist(), strict=True):
        offsets = block.offsets[start : stop + 1]
        yield PackedBatch(
            indices=block.indices[start:stop],
            tokens=torch.from_numpy(block.tokens[offsets[0] : offsets[-1]]),
            cu_seqlens=torch.from_numpy(offsets - offsets[0]),
        )
