"""What the processor multiplies itself."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

__all__ = [
    "cpu_bf16_instructions",
    "cpu_multiplies_bf16",
    "cpu_multiplies_int8",
    "cpu_sums_int8_exactly",
]

_CPUINFO = Path("/proc/cpuinfo")
_BF16 = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}


def cpu_multiplies_bf16() -> bool:
    """Whether there are bf16 matrix instructions; without them bf16 is slower than fp32."""
    return bool(cpu_bf16_instructions())


def cpu_bf16_instructions() -> tuple[str, ...]:
    """Names of the bf16 matrix instructions that the processor has."""
    return tuple(name for flag, name in _BF16.items() if flag in _flags())


def cpu_multiplies_int8() -> bool:
    """Whether there are int8 products worth using: on x86 from AVX2 on."""
    return platform.machine().lower() in ("x86_64", "amd64") and "avx2" in _flags()


def cpu_sums_int8_exactly() -> bool:
    """Whether int8 products are summed in 32 bits at once.

    Older processors add two products in 16 bits, which clips sums beyond 32,767.
    """
    return not {"amx_int8", "avx512_vnni", "avx_vnni"}.isdisjoint(_flags())


@functools.cache
def _flags() -> frozenset[str]:
    if not _CPUINFO.exists():
        return frozenset()
    lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
