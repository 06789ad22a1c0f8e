"""Environment variables that switch something on or off."""

from __future__ import annotations

from collections.abc import Mapping

from virnucpro_core.errors import UsageError

__all__ = ["is_on"]


def is_on(variable: str, environment: Mapping[str, str], *, default: bool = False) -> bool:
    """Whether ``variable`` is switched on.

    Raises:
        UsageError: it is neither true nor false.
    """
    value = environment.get(variable, "").strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    if value == "":
        return default
    raise UsageError(f"{variable} is {value!r}", remedy="set it to true or false")
