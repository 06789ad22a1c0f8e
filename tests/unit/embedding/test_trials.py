"""Frames to time an encoder with, and the cosines of embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from virnucpro_core.embedding import frames_to_time, row_cosines
from virnucpro_core.store import ByteStrings

FRAMES = ByteStrings.from_iterable(b"A" * n for n in range(1, 101))


@pytest.mark.parametrize(("seconds", "n_frames"), [(1, 8), (9, 32), (33, 100), (1_000, 100)])
def test_more_frames_are_taken_until_they_take_long_enough(seconds: float, n_frames: int) -> None:
    tried: list[int] = []

    def embed_for(some: ByteStrings) -> float:
        tried.append(len(some))
        return float(len(some))

    some = frames_to_time(FRAMES, seconds, embed_for)
    assert len(some) == n_frames
    assert tried == [n for n in (8, 32, 100) if n <= n_frames]
    taken = [some[row] for row in range(len(some))]
    assert len(set(taken)) == n_frames
    assert {FRAMES[row] for row in range(len(FRAMES))} >= set(taken)
    assert taken != sorted(taken)  # the first frames of a file may be all alike


def test_no_frames_are_no_endless_search() -> None:
    assert len(frames_to_time(ByteStrings.from_iterable([]), 1, lambda some: 0.0)) == 0


def test_cosines_are_those_of_rows() -> None:
    a = np.array([[1, 0], [1, 1], [3, 4]], dtype=np.float32)
    b = np.array([[0, 2], [2, 2], [-3, -4]], dtype=np.float32)
    assert row_cosines(a, b) == pytest.approx([0, 1, -1])


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_row_without_direction_has_no_cosine() -> None:
    a = np.array([[0, 0], [np.inf, 1]], dtype=np.float32)
    assert np.isnan(row_cosines(a, np.ones((2, 2), dtype=np.float32))).all()
