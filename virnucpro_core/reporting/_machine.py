"""The machine that this runs on, as far as the standard library can tell."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["describe_machine"]

_DEVICES = Path("/proc/driver/nvidia/gpus")


def describe_machine() -> dict[str, str | int | list[str] | None]:
    """What ``run.json`` says of the machine; None for what this platform does not tell.

    The same at every call: nothing that changes while a machine is up.
    """
    return {
        "platform": platform.platform(),
        "architecture": platform.machine(),
        "cpu_model": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "memory_bytes": _memory_bytes(),
        "cuda_devices": _cuda_devices(),
    }


def _cpu_model() -> str | None:
    for line in _lines(Path("/proc/cpuinfo")):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or None


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def _cuda_devices() -> list[str]:
    """Models of the cards that the driver knows; no CUDA is initialised for it."""
    models = []
    for card in sorted(_DEVICES.glob("*/information")):
        fields = dict(line.partition(":")[::2] for line in _lines(card))
        models.append(fields.get("Model", "unknown").strip())
    return models


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
