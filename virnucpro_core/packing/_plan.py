"""First-fit-decreasing packing of sequences into batches of a token budget."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import UsageError

__all__ = ["plan_batches"]


def plan_batches(lengths: NDArray[np.int64], token_budget: int) -> list[NDArray[np.int64]]:
    """Assign every sequence to one batch of at most ``token_budget`` tokens.

    First-fit decreasing (Johnson 1974, doi:10.1016/S0022-0000(74)80026-7): the sequences are taken
    from the longest to the shortest, each into the first batch that has room. It needs at most
    11/9 of the fewest possible batches. Sequences of equal length stay in input order, so the plan
    depends on nothing but its arguments. A sequence above the budget has a batch of its own.

    Args:
        lengths: int64 [n], tokens of each sequence, special tokens included.
        token_budget: tokens in a batch.

    Returns:
        For each batch the indices of its sequences, from the longest to the shortest. Lengths
        ``[3, 7, 5, 2]`` and a budget of 10 give ``[[1, 0], [2, 3]]``.

    Raises:
        UsageError: the budget is not positive.
    """
    if token_budget < 1:
        raise UsageError(f"token budget {token_budget} is not a positive number")
    order = np.argsort(-lengths, kind="stable")
    batches: list[list[int]] = []
    room = _Room(len(lengths))
    for index, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
        batch = room.first_with(length) if length <= token_budget else None
        if batch is None:
            room.open(max(token_budget - length, 0))
            batches.append([index])
        else:
            room.take(batch, length)
            batches[batch].append(index)
    return [np.array(batch, dtype=np.int64) for batch in batches]


class _Room:
    """Free tokens of the open batches; finds the first batch with enough in O(log n).

    A complete binary tree in an array: the leaves are the batches, a node holds the largest room
    below it, and node 1 is the root.
    """

    def __init__(self, most_batches: int) -> None:
        self._n_leaves = 1 << max(most_batches - 1, 0).bit_length()
        # -1: a batch that is not open has no room, not even for a sequence of no tokens.
        self._tree = [-1] * (2 * self._n_leaves)
        self._n_open = 0

    def open(self, free: int) -> None:
        self._set(self._n_open, free)
        self._n_open += 1

    def take(self, batch: int, tokens: int) -> None:
        self._set(batch, self._tree[self._n_leaves + batch] - tokens)

    def first_with(self, tokens: int) -> int | None:
        tree = self._tree
        if tree[1] < tokens:
            return None
        node = 1
        while node < self._n_leaves:
            node *= 2
            if tree[node] < tokens:
                node += 1
        return node - self._n_leaves

    def _set(self, batch: int, free: int) -> None:
        tree = self._tree
        node = self._n_leaves + batch
        tree[node] = free
        while node > 1:
            node //= 2
            largest = max(tree[2 * node], tree[2 * node + 1])
            if tree[node] == largest:
                break
            tree[node] = largest
