"""A figure that is not known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure with the range that it is expected in; ``low <= likely <= high``."""

    low: float
    likely: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The median of repeated measurements, and the smallest and the largest of them."""
        return cls(min(values), median(values), max(values))

    def __add__(self, other: Spread) -> Spread:
        return Spread(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def scaled(self, factor: float, error: float = 0.0) -> Spread:
        """``factor`` times as much, where the factor itself may be off by the share ``error``."""
        return Spread(
            self.low * factor * max(0.0, 1 - error),
            self.likely * factor,
            self.high * factor * (1 + error),
        )
