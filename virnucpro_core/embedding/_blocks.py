"""Tokenised and planned blocks of sequences: what the loader makes ahead of the encoder.

No torch in here: a block is made in a thread or in a process that knows of no device.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.models import Tokenizer
from virnucpro_core.packing import plan_batches
from virnucpro_core.store import ByteStrings

__all__ = [
    "BatchPlan",
    "Block",
    "BlockPlanner",
    "LoaderContext",
    "Strings",
    "make_block",
    "start_process",
]

BatchPlan = Callable[[NDArray[np.int64], int], list[NDArray[np.int64]]]
"""Lengths in tokens [n] and a token budget to the indices of each batch: `plan_batches` is one."""


class Strings(Protocol):
    """Sequences in memory (`ByteStrings`) or in a file (`ShardStrings`)."""

    def __len__(self) -> int: ...

    def slice(self, start: int, stop: int) -> ByteStrings:
        """Strings ``start`` to ``stop`` (exclusive)."""


@dataclass(frozen=True, slots=True)
class Block:
    """``n`` sequences in ``m`` batches, laid end to end in the order of the batches.

    Attributes:
        indices: int64 [n], which sequences these are.
        tokens: int32 [T].
        offsets: int64 [n + 1]; sequence ``i`` is ``tokens[offsets[i]:offsets[i + 1]]``.
        bounds: int64 [m + 1]; batch ``k`` is sequences ``bounds[k]`` to ``bounds[k + 1]``.
    """

    indices: NDArray[np.int64]
    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    bounds: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BlockPlanner:
    """Makes blocks: a pure function of what it holds and what it is given.

    Attributes:
        strings: all sequences.
        tokenizer: the encoder's tokenizer.
        token_budget: tokens in a batch.
        plan: which sequences share a batch.
    """

    strings: Strings
    tokenizer: Tokenizer
    token_budget: int
    plan: BatchPlan = plan_batches

    def __call__(self, indices: NDArray[np.int64]) -> Block:
        """Read, tokenise and plan the sequences ``indices`` (ascending, at least one)."""
        start = int(indices[0])
        strings = self.strings.slice(start, int(indices[-1]) + 1)
        if len(strings) > len(indices):
            strings = ByteStrings.from_iterable(strings[i] for i in (indices - start).tolist())
        tokens = self.tokenizer.tokenize(strings)
        batches = self.plan(tokens.lengths, self.token_budget)
        order = np.concatenate(batches)
        packed = tokens.take(order)
        bounds = np.cumsum([0, *map(len, batches)], dtype=np.int64)
        return Block(indices[order], packed.ids, packed.offsets, bounds)


class _LoaderProcess(SpawnProcess):
    def terminate(self) -> None:
        """End it; `start_process` lets it ignore the signal that this would be otherwise."""
        self.kill()


class LoaderContext(SpawnContext):
    """Starts processes that `start_process` prepares."""

    Process = _LoaderProcess


_planner: BlockPlanner | None = None


def start_process(planner: BlockPlanner) -> None:
    """Prepare a process of the loader: no device, one thread, and no life after its parent's."""
    global _planner
    _planner = planner
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["RAYON_NUM_THREADS"] = "1"
    # Ctrl-C reaches every process of the terminal, and a scheduler's SIGTERM every process of the
    # job; the parent is the one that ends the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A parent that is killed cannot end its processes, and they would wait for work for ever.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def make_block(indices: NDArray[np.int64]) -> Block:
    """`BlockPlanner` in a process that `start_process` has prepared."""
    if _planner is None:
        raise AssertionError("start_process has not run")
    return _planner(indices)


def _end_with_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
