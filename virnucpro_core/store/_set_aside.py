"""Why a sequence has no embedding although it should have one."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["SetAside"]


class SetAside(IntEnum):
    """What became of a sequence's embedding, as files hold it (uint8)."""

    EMBEDDED = 0
    MEMORY = 1
    NOT_FINITE = 2

    @property
    def reason(self) -> str:
        """For people; no reason for `EMBEDDED`."""
        return _REASONS[self]


_REASONS = {
    SetAside.EMBEDDED: "",
    SetAside.MEMORY: "does not fit the device's memory",
    SetAside.NOT_FINITE: "embedding is not finite",
}
