"""Many byte strings in two arrays: how sequences, proteins and ids are kept and passed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ByteStrings"]


@dataclass(frozen=True, slots=True)
class ByteStrings:
    """``n`` byte strings laid end to end.

    Attributes:
        data: uint8 [sum of lengths].
        offsets: int64 [n + 1]; string ``i`` is ``data[offsets[i]:offsets[i + 1]]``.
            Three strings of 5, 6 and 4 bytes have offsets ``[0, 5, 11, 15]``.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def from_iterable(cls, strings: Iterable[bytes]) -> ByteStrings:
        """Join ``strings``."""
        parts = list(strings)
        lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
        return cls.from_lengths(np.frombuffer(b"".join(parts), dtype=np.uint8), lengths)

    @classmethod
    def from_lengths(cls, data: NDArray[np.uint8], lengths: NDArray[np.int64]) -> ByteStrings:
        """Strings of ``lengths`` that already lie end to end in ``data``."""
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(data, offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> bytes:
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        joined = self.data.tobytes()
        bounds = self.offsets.tolist()
        for i in range(len(self)):
            yield joined[bounds[i] : bounds[i + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [n], in bytes."""
        return np.diff(self.offsets)

    def slice(self, start: int, stop: int) -> ByteStrings:
        """Strings ``start`` to ``stop`` (exclusive); the bytes are shared, not copied."""
        low, high = self.offsets[start], self.offsets[stop]
        return ByteStrings(self.data[low:high], self.offsets[start : stop + 1] - low)
