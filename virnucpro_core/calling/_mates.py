"""Mates of pairs: by their place in paired files, else by their ids, ``<id>/1`` and ``<id>/2``.

Shape letters: ``R`` records.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

__all__ = ["neighbour_keys", "pair_keys", "with_mates"]

_MATES = (b"/1", b"/2")
_NO_MATE = 0
_KEY_BYTES = 8


def pair_keys(ids: Iterable[bytes], n_records: int) -> NDArray[np.uint64]:
    """uint64 [R]: equal for both mates of a pair, wherever they stand; 0 for ids of no mate.

    It is a hash of 64 bits: that two of a million pairs share one has a chance of 1 in 37 million,
    and would only write a read too many.
    """
    keys = np.full(n_records, _NO_MATE, dtype=np.uint64)
    for row, name in enumerate(ids):
        if name.endswith(_MATES):
            digest = blake2b(name[:-2], digest_size=_KEY_BYTES).digest()
            keys[row] = max(int.from_bytes(digest, "little"), 1)
    return keys


def neighbour_keys(n_records: int) -> NDArray[np.uint64]:
    """uint64 [R]: the same as `pair_keys` for paired files, whose records take turns."""
    return np.arange(n_records, dtype=np.uint64) // np.uint64(2) + np.uint64(1)


def with_mates(is_virus: NDArray[np.bool_], keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """bool [R]: the records called virus, and the mates of these."""
    viral = keys[is_virus & (keys != _NO_MATE)]
    chosen: NDArray[np.bool_] = is_virus | np.isin(keys, viral)
    return chosen
