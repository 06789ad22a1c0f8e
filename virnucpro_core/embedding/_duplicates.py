"""Which sequences are the same, so that each is embedded once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.store import ByteStrings

__all__ = ["find_unique"]


def find_unique(strings: ByteStrings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct strings, byte by byte.

    Returns:
        The index of the first occurrence of each distinct string, ascending, int64 [u]; and for
        every string which of those it is, int64 [n]. Strings ``b, a, b`` give ``[0, 1]`` and
        ``[0, 1, 0]``.
    """
    hashes = np.fromiter(map(hash, strings), dtype=np.int64, count=len(strings))
    _, group, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    first = np.arange(len(strings))
    # Only strings that share their hash with another can be duplicates: few are looked at again.
    seen: dict[bytes, int] = {}
    for index in np.flatnonzero(sizes[group] > 1).tolist():
        first[index] = seen.setdefault(strings[index], index)
    unique = np.flatnonzero(first == np.arange(len(strings)))
    return unique, np.searchsorted(unique, first)
