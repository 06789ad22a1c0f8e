"""What a run of an encoder is told: device, number format, token budget."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import torch

from virnucpro_core.errors import UsageError

__all__ = ["EmbedSettings", "Precision", "resolve_settings", "usable_cores"]

# Chosen so that the activations of a batch stay near the caches (CPU) or fill the device (CUDA).
_CPU_TOKEN_BUDGET = 4_096
_CUDA_TOKEN_BUDGET = 16_384


class Precision(str, Enum):
    """Number format of the encoders; ``auto`` picks one for the machine."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


_DTYPES = {
    Precision.FP32: torch.float32,
    Precision.BF16: torch.bfloat16,
    Precision.FP16: torch.float16,
}


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """Settings with every ``auto`` resolved for this machine.

    Attributes:
        device: where the encoder runs.
        precision: number format, never ``AUTO``.
        token_budget: tokens in a batch.
    """

    device: torch.device
    precision: Precision
    token_budget: int

    @property
    def dtype(self) -> torch.dtype:
        """The number format as torch names it."""
        return _DTYPES[self.precision]


def resolve_settings(device: str, precision: Precision, token_budget: int) -> EmbedSettings:
    """Choose what is left to ``auto``.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: number format, or ``AUTO``: bf16 where the CPU multiplies bf16 matrices itself,
            bf16 or fp16 on CUDA, else fp32.
        token_budget: tokens in a batch; 0 chooses.

    Raises:
        UsageError: there is no such device, or the budget is negative.
    """
    if token_budget < 0:
        raise UsageError(f"token budget {token_budget} is negative", remedy="use 0 for automatic")
    chosen = _device(device)
    on_cuda = chosen.type == "cuda"
    if precision is Precision.AUTO:
        precision = _precision_for(chosen)
    budget = token_budget or (_CUDA_TOKEN_BUDGET if on_cuda else _CPU_TOKEN_BUDGET)
    return EmbedSettings(chosen, precision, budget)


def usable_cores() -> int:
    """CPU cores that this process may run on (a scheduler may give it fewer than there are)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"no device {name!r}", remedy="use auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"no device {name!r}", remedy="use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"device {name} is asked for, but torch sees {torch.cuda.device_count()} CUDA devices",
            remedy="use --device cpu, or check the driver and CUDA_VISIBLE_DEVICES",
        )
    return device


def _precision_for(device: torch.device) -> Precision:
    if device.type == "cuda":
        return Precision.BF16 if torch.cuda.is_bf16_supported() else Precision.FP16
    return Precision.BF16 if _cpu_multiplies_bf16() else Precision.FP32


def _cpu_multiplies_bf16() -> bool:
    """Whether the CPU has bf16 matrix instructions; without them bf16 is slower than fp32."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return False
    flags = next((line for line in cpuinfo.read_text().splitlines() if line[:5] == "flags"), "")
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(flags.split())
