"""The most memory that this process has had."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["forget_peak", "peak_bytes"]

_RESET_PEAK = "5"


def forget_peak() -> None:
    """Measure the peak anew; where the system cannot, it stays the highest so far."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")


def peak_bytes() -> int | None:
    """Most bytes resident at once since `forget_peak`; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
