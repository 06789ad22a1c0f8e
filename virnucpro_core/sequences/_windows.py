"""Cutting records into windows of one size, as VirNucPro does.

A record of ``L`` bases has ``n = ceil(L / size)`` windows. They overlap so that together they end
with the record: with ``R = n * size - L`` and ``low = floor(R / n)``, the window after the first
``R - low * (n - 1)`` windows starts ``low + 1`` bases early, the window after any other ``low``.
The steps are a little too large in total, so the last window is often shorter: 501 bases at size
500 give windows of 500 and 251. The published classifiers were trained on exactly these windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Windows", "cut_windows", "window_starts"]


@dataclass(frozen=True, slots=True)
class Windows:
    """``W`` windows of a batch of records, ordered by record and start.

    Attributes:
        record: int64 [W], row of the record in its batch.
        chunk: int32 [W], number of the window in its record, from 1.
        start: int64 [W], first base in the record, from 0.
        length: int32 [W], in bases.
    """

    record: NDArray[np.int64]
    chunk: NDArray[np.int32]
    start: NDArray[np.int64]
    length: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.record)


def cut_windows(lengths: NDArray[np.int64], size: int) -> Windows:
    """Windows of records of ``lengths`` bases; an empty record has none."""
    count = -(-lengths // size)
    record = np.repeat(np.arange(len(lengths)), count)
    first_window = np.cumsum(count) - count
    chunk = np.arange(len(record)) - first_window[record] + 1
    start = window_starts(lengths[record], chunk, size)
    length = np.minimum(size, lengths[record] - start)
    return Windows(record, chunk.astype(np.int32), start, length.astype(np.int32))


def window_starts(
    lengths: NDArray[np.int64], chunk: NDArray[np.integer[Any]], size: int
) -> NDArray[np.int64]:
    """int64 [W]: first base, from 0, of window number ``chunk`` of a record.

    Args:
        lengths: int64 [W], of the windows' records, at least 1.
        chunk: [W], number of the window in its record, from 1.
        size: bases in a window.
    """
    count = -(-lengths // size)
    k = chunk.astype(np.int64) - 1
    surplus = count * size - lengths
    low = surplus // count
    n_larger_steps = surplus - low * (count - 1)
    start: NDArray[np.int64] = k * size - k * low - np.minimum(k, n_larger_steps)
    return start
