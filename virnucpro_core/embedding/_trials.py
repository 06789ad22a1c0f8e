"""For those who try encoders out: frames enough to time one, and how alike embeddings are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.store import ByteStrings

__all__ = ["frames_to_time", "row_cosines"]

_FIRST_FRAMES = 8
_GROWTH = 4


def frames_to_time(
    frames: ByteStrings, seconds: float, embed_for: Callable[[ByteStrings], float]
) -> ByteStrings:
    """Some of the frames, drawn at random: so many that embedding them takes a while.

    More and more are embedded, so the caches are warm afterwards.

    Args:
        frames: at least one, different ones: identical sequences are embedded once only.
        seconds: how long it should take; all frames are returned where they take less.
        embed_for: embeds sequences and returns the seconds that it took.
    """
    order = np.random.default_rng(0).permutation(len(frames)).tolist()
    n_frames = 0
    while True:
        n_frames = min(max(_FIRST_FRAMES, _GROWTH * n_frames), len(frames))
        some = ByteStrings.from_iterable(frames[row] for row in order[:n_frames])
        if embed_for(some) >= seconds or n_frames == len(frames):
            return some


def row_cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosine of each row of ``a`` [n, D] with the same row of ``b``, float64 [n].

    NaN for a row that is zero or not finite.
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    cosines: NDArray[np.float64] = (x * y).sum(axis=1) / norms
    return cosines
