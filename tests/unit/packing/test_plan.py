from __future__ import annotations

import random

import numpy as np
import pytest

from virnucpro_core.errors import UsageError
from virnucpro_core.packing import plan_batches


def first_fit_decreasing(lengths: list[int], budget: int) -> list[list[int]]:
    """The textbook loop, quadratic."""
    batches: list[list[int]] = []
    free: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        length = lengths[index]
        fits = [b for b, room in enumerate(free) if length <= room and length <= budget]
        if fits:
            batches[fits[0]].append(index)
            free[fits[0]] -= length
        else:
            batches.append([index])
            free.append(max(budget - length, 0))
    return batches


def plan(lengths: list[int], budget: int) -> list[list[int]]:
    return [batch.tolist() for batch in plan_batches(np.array(lengths, dtype=np.int64), budget)]


def test_the_example_in_the_docstring() -> None:
    assert plan([3, 7, 5, 2], 10) == [[1, 0], [2, 3]]


@pytest.mark.parametrize("budget", [1, 10, 64, 1_000])
def test_the_plan_is_first_fit_decreasing(budget: int) -> None:
    rng = random.Random(budget)
    for n in (0, 1, 2, 3, 50, 200):
        lengths = [rng.randrange(0, 70) for _ in range(n)]
        assert plan(lengths, budget) == first_fit_decreasing(lengths, budget)


def test_every_sequence_is_in_one_batch_and_no_budget_is_broken() -> None:
    lengths = np.random.default_rng(1).integers(1, 400, 3_000)
    batches = plan_batches(lengths, 1_024)
    assert sorted(np.concatenate(batches).tolist()) == list(range(3_000))
    assert max(lengths[batch].sum() for batch in batches) <= 1_024
    assert len(batches) <= 11 / 9 * np.ceil(lengths.sum() / 1_024) + 1


def test_an_oversize_sequence_is_alone() -> None:
    assert plan([5, 99, 5], 10) == [[1], [0, 2]]


def test_a_budget_must_be_positive() -> None:
    with pytest.raises(UsageError):
        plan([1], 0)
