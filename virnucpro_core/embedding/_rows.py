"""The rows of a result, as they come from the encoder or from an earlier attempt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.embedding._loader import PackedBatch
from virnucpro_core.embedding._parts import PartWriter

__all__ = ["ArrivingRows", "RemainingBatches"]


class ArrivingRows:
    """Looks at rows as they arrive: sound ones go to the parts, others wait for another attempt.

    Args:
        values: float32 [n, D]; rows arrive by being written to it.
        copies: int64 [n], how many sequences each stands for; 0 for those that are embedded as
            another one.
        progress: called with the number of sequences done.
        writer: commits sound rows; None for not at all.
    """

    def __init__(
        self,
        values: NDArray[np.float32],
        copies: NDArray[np.int64],
        progress: Callable[[int], None] | None,
        writer: PartWriter | None,
    ) -> None:
        self._values = values
        self._copies = copies
        self._progress = progress
        self._writer = writer
        self._n_done = 0
        self._not_finite: list[NDArray[np.int64]] = []

    def arrived(self, indices: NDArray[np.int64]) -> None:
        """Take the rows ``indices`` (int64 [m]), which the encoder has filled."""
        is_finite = np.isfinite(self._values[indices]).all(axis=1)
        if not is_finite.all():
            self._not_finite.append(indices[~is_finite])
        if self._writer is not None:
            self._writer.add(indices[is_finite])
        self.count(indices)

    def count(self, indices: NDArray[np.int64]) -> None:
        """Count the rows ``indices`` as done."""
        self._n_done += int(self._copies[indices].sum())
        if self._progress is not None:
            self._progress(self._n_done)

    @property
    def n_not_finite(self) -> int:
        """How many `take_not_finite` would give."""
        return sum(map(len, self._not_finite))

    def take_not_finite(self) -> NDArray[np.int64]:
        """int64, ascending: rows that have arrived with NaN or infinity since the last call."""
        taken, self._not_finite = self._not_finite, []
        return np.sort(np.concatenate([np.empty(0, np.int64), *taken]))


class RemainingBatches:
    """An iterator over the batches that are still to be done; adds up how long it was waited for.

    The whole plan goes by, for each batch must be the one that it was at first; one of which every
    sequence is done is left out.
    """

    def __init__(
        self,
        batches: Iterator[PackedBatch],
        is_done: NDArray[np.bool_],
        left_out: Callable[[NDArray[np.int64]], None],
    ) -> None:
        self._batches = batches
        self._is_done = is_done
        self._left_out = left_out
        self.idle_seconds = 0.0
        self.n_tokens = 0

    def __iter__(self) -> Iterator[PackedBatch]:
        return self

    def __next__(self) -> PackedBatch:
        while True:
            asked = time.perf_counter()
            try:
                batch = next(self._batches)
            finally:
                self.idle_seconds += time.perf_counter() - asked
            self.n_tokens += len(batch.tokens)
            if not self._is_done[batch.indices].all():
                return batch
            self._left_out(batch.indices)
