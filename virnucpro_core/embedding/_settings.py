"""What a run of an encoder is told: device, number format, token budget, attention."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

import torch

from virnucpro_core.embedding._budget import token_budget_for
from virnucpro_core.embedding._lease import lease_device
from virnucpro_core.embedding._reference import ReferenceEncoder
from virnucpro_core.embedding._switches import is_on
from virnucpro_core.errors import UsageError
from virnucpro_core.models import (
    Bundle,
    Encoder,
    EncoderKind,
    Int8Linear,
    LinearFactory,
    choose_attention,
    cpu_bf16_instructions,
    cpu_multiplies_bf16,
    cpu_multiplies_int8,
)

__all__ = [
    "ALONE_BUDGET",
    "EmbedSettings",
    "Engine",
    "Precision",
    "choose_precision",
    "leased_settings",
    "load_encoder",
    "resolve_settings",
]

ALONE_BUDGET = 1
"""A token budget that puts each sequence into a batch of its own: no two fit it, and one that is
alone may exceed it."""

_DISABLE_HALF = "VIRNUCPRO_DISABLE_FP16"
_DISABLE_PACKING = "VIRNUCPRO_DISABLE_PACKING"


class Precision(str, Enum):
    """Number format of the encoders; ``auto`` picks one for the machine."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    INT8 = "int8"


class Engine(str, Enum):
    """How sequences are embedded: packed (``v2``), or as VirNucPro 1.0 did, to compare (``v1``)."""

    V2 = "v2"
    V1 = "v1"


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """Settings with every ``auto`` resolved for this machine.

    Attributes:
        device: where the encoder runs.
        precision: number format, never ``AUTO``.
        token_budget: tokens in a batch; 0 leaves it to `budget_for`.
        attention: ``auto``, or the backend to use (`virnucpro_core.models.ATTENTION_BACKENDS`).
        packed: whether sequences share batches; if not, each is a batch of its own.
        engine: ``v2``, or the reference.
    """

    device: torch.device
    precision: Precision
    token_budget: int
    attention: str = "auto"
    packed: bool = True
    engine: Engine = Engine.V2

    @property
    def dtype(self) -> torch.dtype:
        """The number format of activations as torch names it.

        Of int8 only the matrix products are made: the rest is bf16 where the CPU has it, else fp32.
        """
        if self.precision is Precision.INT8:
            return torch.bfloat16 if cpu_multiplies_bf16() else torch.float32
        return {
            Precision.FP32: torch.float32,
            Precision.BF16: torch.bfloat16,
            Precision.FP16: torch.float16,
        }[self.precision]

    @property
    def linear(self) -> LinearFactory | None:
        """What makes the linear layers of an encoder; None for plain ones."""
        if self.precision is not Precision.INT8:
            return None
        dtype = self.dtype
        return lambda weight, bias: Int8Linear.from_float(
            weight, None if bias is None else bias.to(dtype)
        )

    @property
    def has_own_budget(self) -> bool:
        """Whether the token budget was asked for, and is not left to the machine."""
        return self.token_budget > 0 or not self.packed

    def budget_for(self, encoder: Encoder) -> int:
        """Tokens in a batch of ``encoder``: those asked for, or what suits its width."""
        if not self.packed:
            return ALONE_BUDGET
        if isinstance(encoder, ReferenceEncoder):
            return encoder.token_budget(self.token_budget)
        return self.token_budget or token_budget_for(encoder.width, self.dtype, self.device)


def resolve_settings(
    device: str,
    precision: Precision,
    token_budget: int,
    attention: str = "auto",
    *,
    engine: Engine = Engine.V2,
    environment: Mapping[str, str] = os.environ,
) -> EmbedSettings:
    """Choose what is left to ``auto``.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: number format, or ``AUTO``: bf16 where the CPU multiplies bf16 matrices itself,
            bf16 or fp16 on CUDA, else fp32. int8 is for those who ask for it.
        token_budget: tokens in a batch; 0 leaves it to the width of the encoder.
        attention: ``auto``, or the backend to use.
        engine: the reference computes in fp32, and has no choice of attention.
        environment: where ``VIRNUCPRO_DISABLE_FP16`` (no half precision) and
            ``VIRNUCPRO_DISABLE_PACKING`` (no batches of several sequences) are looked up.

    Raises:
        UsageError: there is no such device, the budget is negative, the device or the engine has no
            such number format or attention, or the number format contradicts the environment.
    """
    if token_budget < 0:
        raise UsageError(f"token budget {token_budget} is negative", remedy="use 0 for automatic")
    chosen = _device(device)
    if engine is Engine.V1:
        precision = _precision_of_reference(precision, attention)
    if precision is Precision.AUTO:
        precision, _ = choose_precision(chosen, environment)
    elif precision in (Precision.BF16, Precision.FP16) and is_on(_DISABLE_HALF, environment):
        raise UsageError(
            f"precision {precision.value} is asked for, but {_DISABLE_HALF} is set",
            remedy=f"unset {_DISABLE_HALF}, or use auto or fp32",
        )
    elif precision is Precision.INT8:
        _require_int8(chosen)
    settings = EmbedSettings(
        chosen,
        precision,
        token_budget,
        attention,
        packed=not is_on(_DISABLE_PACKING, environment),
        engine=engine,
    )
    choose_attention(attention, chosen, settings.dtype)  # refuses what cannot be had here
    return settings


def choose_precision(
    device: torch.device, environment: Mapping[str, str] = os.environ
) -> tuple[Precision, str]:
    """The number format that ``auto`` stands for on a device, and why, a clause for people."""
    if is_on(_DISABLE_HALF, environment):
        return Precision.FP32, f"{_DISABLE_HALF} is set"
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported():
            return Precision.BF16, "the device computes in bf16"
        return Precision.FP16, "the device has no bf16"
    instructions = cpu_bf16_instructions()
    if instructions:
        return Precision.BF16, f"the processor has {' and '.join(instructions)}"
    return Precision.FP32, "the processor multiplies no bf16 (neither AMX nor AVX512-BF16)"


@contextmanager
def leased_settings(settings: EmbedSettings, *, threads: int = 0) -> Iterator[EmbedSettings]:
    """``settings`` with a device that no other task leases while the block runs.

    Load weights inside only: until then another task may need the memory.

    Args:
        settings: whose device ``cuda`` stands for any one that is free.
        threads: how many threads will compute where the device is the CPU; 0 for all that are
            available.

    Raises:
        StoreError: the lock files cannot be made or locked.
    """
    device = settings.device
    with lease_device("cpu" if device.type == "cpu" else str(device), threads=threads) as name:
        if device.type == "cpu":
            yield settings
            return
        # Pinning memory takes some of the current device, which would be the first and not ours.
        torch.cuda.set_device(name)
        yield replace(settings, device=torch.device(name))
        # The memory of tensors that are gone would stay with this process until it ends.
        torch.cuda.empty_cache()


def load_encoder(bundle: Bundle, kind: EncoderKind, settings: EmbedSettings) -> Encoder:
    """The bundle's ``"dna"`` or ``"protein"`` encoder, as ``settings`` want it."""
    return bundle.load_encoder(
        kind,
        settings.device,
        settings.dtype,
        attention=settings.attention,
        linear=settings.linear,
    )


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


def _precision_of_reference(precision: Precision, attention: str) -> Precision:
    if precision not in (Precision.AUTO, Precision.FP32):
        raise UsageError(
            f"engine v1 computes in fp32 only, precision {precision.value} is asked for",
            remedy="leave out --precision, or use --engine v2",
        )
    if attention != "auto":
        raise UsageError(
            f"engine v1 has an attention of its own, {attention} is asked for",
            remedy="leave out --attention, or use --engine v2",
        )
    return Precision.FP32


def _require_int8(device: torch.device) -> None:
    if device.type != "cpu":
        raise UsageError(
            f"precision int8 is for the CPU, the device is {device}", remedy="use bf16 or fp16"
        )
    if not cpu_multiplies_int8():
        raise UsageError(
            "precision int8 needs an x86 processor with AVX2", remedy="use auto or fp32"
        )
