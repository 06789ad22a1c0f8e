"""The expected share of false ones among the calls.

Shape letters: ``R`` records.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["q_values"]


def q_values(error: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [R]: the false discovery rate of calling a record and all that are as sure or surer.

    It is the mean of their probabilities of being false, the Bayesian false discovery rate (Newton,
    Noueiry, Sarkar & Ahlquist 2004, "Detecting differential gene expression with a semiparametric
    hierarchical mixture method"). It never falls from a surer record to a less sure
    one, and equal records have equal values. Errors of 0.01, 0.02 and 0.3 have q-values of 0.01,
    0.015 and 0.11.

    Args:
        error: float64 [R], probability that a record is not a virus; no NaN.
    """
    order = np.argsort(error, kind="stable")
    ordered = error[order]
    mean = np.cumsum(ordered) / np.arange(1, len(error) + 1)
    # A mean of growing numbers grows; its rounding need not.
    mean = np.maximum.accumulate(mean)
    last_equal = np.searchsorted(ordered, ordered, side="right") - 1
    values = np.empty(len(error))
    values[order] = mean[last_equal]
    return values
