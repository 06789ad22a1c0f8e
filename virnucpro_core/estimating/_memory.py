"""The most memory that this process has had, here and on a device."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["device_peak_bytes", "forget_device_peak", "forget_peak", "peak_bytes"]

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


def forget_device_peak(device: torch.device) -> None:
    """Measure the peak of a CUDA device anew."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def device_peak_bytes(device: torch.device) -> int | None:
    """Most bytes at once on a CUDA device since `forget_device_peak`; None for another device."""
    import torch

    return int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else None
