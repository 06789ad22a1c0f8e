from __future__ import annotations

import numpy as np
import pytest

from tests.unit.sequences import reference
from virnucpro_core.sequences import cut_windows


def test_a_record_of_one_base_more_than_the_window_has_windows_of_500_and_251() -> None:
    windows = cut_windows(np.array([501]), 500)
    assert windows.start.tolist() == [0, 250]
    assert windows.length.tolist() == [500, 251]


@pytest.mark.parametrize("size", [3, 7, 300, 500])
def test_windows_equal_the_walk_along_each_record(size: int) -> None:
    lengths = np.concatenate([np.arange(4 * size + 2), [10_001, 123_457]])
    windows = cut_windows(lengths, size)
    for row, length in enumerate(lengths.tolist()):
        mine = windows.record == row
        expected = reference.windows(length, size)
        assert list(zip(windows.start[mine], windows.length[mine], strict=True)) == expected
        assert windows.chunk[mine].tolist() == list(range(1, len(expected) + 1))


def test_windows_cover_every_base_and_end_with_the_record() -> None:
    lengths = np.arange(1, 3_000)
    windows = cut_windows(lengths, 300)
    ends = windows.start + windows.length
    last = np.flatnonzero(np.diff(windows.record, append=-1))
    assert ends[last].tolist() == lengths.tolist()
    inner = np.setdiff1d(np.arange(len(windows)), last)
    assert (windows.start[inner + 1] <= ends[inner]).all()


def test_an_empty_record_has_no_window() -> None:
    assert cut_windows(np.array([0, 5, 0]), 500).record.tolist() == [1]
