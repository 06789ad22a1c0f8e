"""q-values: hand-computed, monotone, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from virnucpro_core.calling._false_discovery import q_values

# Sums of a few float64 in another order.
TOLERANCE = 1e-12


def test_hand_computed_values_in_any_order() -> None:
    # Sorted: 0.01, 0.02, 0.3, 0.9; running means 0.01, 0.015, 0.11, 0.3075.
    found = q_values(np.array([0.3, 0.01, 0.9, 0.02]))
    np.testing.assert_allclose(found, [0.11, 0.01, 0.3075, 0.015], rtol=TOLERANCE)


def test_equal_errors_have_the_q_value_of_the_last_of_them() -> None:
    # 0, 0.2, 0.2, 0.2: calling one of the equal ones is calling all three.
    found = q_values(np.array([0.2, 0.2, 0.0, 0.2]))
    np.testing.assert_allclose(found, [0.15, 0.15, 0.0, 0.15], rtol=TOLERANCE)


def test_a_surer_record_never_has_a_larger_q_value() -> None:
    errors = np.random.default_rng(1).beta(0.05, 2, 10_000)
    found = q_values(errors)[np.argsort(errors)]
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("n", [0, 1])
def test_few_records(n: int) -> None:
    assert q_values(np.full(n, 0.25)).tolist() == [0.25] * n


def test_the_share_of_false_calls_is_what_the_q_value_says() -> None:
    rng = np.random.default_rng(2)
    error = rng.beta(0.3, 0.5, 200_000)
    is_false = rng.random(len(error)) < error
    for rate in (0.01, 0.05, 0.2):
        called = q_values(error) <= rate
        # About 30,000 calls and more: the share's standard error is below 0.003.
        assert is_false[called].mean() == pytest.approx(rate, abs=0.01)
        assert called.sum() > 20_000
