"""Whether a window holds enough sequence to be scored, and what it lacks."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Information"]


class Information(IntEnum):
    """What is known of a window by its letters alone (uint8)."""

    ENOUGH = 0
    UNKNOWN_BASES = 1
    LOW_COMPLEXITY = 2

    @property
    def reason(self) -> str:
        """For people; no reason for `ENOUGH`."""
        return "" if self is Information.ENOUGH else self.name.lower().replace("_", " ")
