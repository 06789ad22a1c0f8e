"""Packed batches, made ahead of the device by a background thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro_core.models import Tokenizer
from virnucpro_core.packing import plan_batches
from virnucpro_core.store import ByteStrings

__all__ = ["PackedBatch", "packed_batches", "prefetch"]

PLAN_SEQUENCES = 4_096
"""Sequences tokenised and planned together: enough for full batches, few enough that the device
starts soon and the next ones are tokenised while it works."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """``B`` sequences, their ``T`` tokens end to end.

    Attributes:
        indices: int64 [B], which sequences these are.
        tokens: int32 tensor [T].
        cu_seqlens: int64 tensor [B + 1]; sequence ``b`` begins at
            ``cu_seqlens[b]`` and ends before ``cu_seqlens[b + 1]``.
    """

    indices: NDArray[np.int64]
    tokens: torch.Tensor
    cu_seqlens: torch.Tensor


def packed_batches(
    strings: ByteStrings, tokenizer: Tokenizer, token_budget: int
) -> Iterator[PackedBatch]:
    """Tokenise, plan and pack ``strings``: a pure function of its arguments."""
    for start in range(0, len(strings), PLAN_SEQUENCES):
        stop = min(start + PLAN_SEQUENCES, len(strings))
        tokens = tokenizer.tokenize(strings.slice(start, stop))
        for rows in plan_batches(tokens.lengths, token_budget):
            batch = tokens.take(rows)
            yield PackedBatch(
                indices=rows + start,
                tokens=torch.from_numpy(batch.ids),
                cu_seqlens=torch.from_numpy(batch.offsets),
            )


def prefetch(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """Draw ``items`` in a background thread, at most ``depth`` ahead of the consumer.

    What the source raises is raised here, at the item it stood for.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="loader") as pool:
        ahead = deque(pool.submit(next, items, end) for _ in range(depth))
        while (item := ahead.popleft().result()) is not end:
            ahead.append(pool.submit(next, items, end))
            yield item  # type: ignore[misc]
