"""The stopwatch of the benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["seconds_of"]


def seconds_of(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
