"""Devices, and how the encoders would compute on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from virnucpro_core._limits import available_cpus, cpu_quota, memory_limit, usable_cpus
from virnucpro_core.diagnosing._finding import Finding, Level, failed
from virnucpro_core.embedding import (
    EmbedSettings,
    Precision,
    choose_precision,
    lease_device,
    resolve_settings,
)
from virnucpro_core.errors import StoreError, VirnucproError
from virnucpro_core.models import (
    ATTENTION_BACKENDS,
    attention_obstacle,
    choose_attention,
    cpu_multiplies_int8,
    format_size,
)
from virnucpro_core.reporting import describe_machine

__all__ = ["examine_computing", "examine_devices"]

DEVICES = "Devices"
COMPUTING = "How the encoders compute"

_DRIVER = Path("/proc/driver/nvidia/version")


def examine_devices() -> Iterator[Finding]:
    """The processor, its cores, the memory, and the CUDA devices."""
    machine = describe_machine()
    yield _cores(str(machine["cpu_model"] or machine["architecture"]))
    memory = machine["memory_bytes"]
    if isinstance(memory, int):
        limit = memory_limit()
        text = f"{format_size(memory)} of memory"
        if limit is not None and limit < memory:
            text += f", of which {format_size(limit)} may be used (control group)"
        values = {"memory_bytes": memory, "limit_bytes": limit}
        yield Finding(DEVICES, "memory", text, values=values)
    yield from _cuda_devices(machine["cuda_devices"])
    yield _lease()


def _cores(model: str) -> Finding:
    usable, available = len(usable_cpus()), available_cpus()
    values = {
        "model": model,
        "usable_cores": usable,
        "available_cores": available,
        "quota": cpu_quota(),
    }
    text = f"{model}, {usable} cores usable"
    if available < usable:
        text += (
            f", {available} taken (the rest is for others: quota of the control group, or the job)"
        )
    return Finding(DEVICES, "processor", text, values=values)


def _cuda_devices(cards: object) -> Iterator[Finding]:
    known = list(cards) if isinstance(cards, list) else []
    driver = _driver()
    count = torch.cuda.device_count()
    for number in range(count):
        properties = torch.cuda.get_device_properties(number)
        free, total = torch.cuda.mem_get_info(number)
        yield Finding(
            DEVICES,
            f"cuda:{number}",
            f"{properties.name}, {format_size(total)}, {format_size(free)} free, "
            f"compute capability {properties.major}.{properties.minor}, driver {driver}",
            values={
                "name": properties.name,
                "memory_bytes": total,
                "free_bytes": free,
                "capability": [properties.major, properties.minor],
                "driver": driver,
            },
        )
    if count:
        return
    built_for = torch.version.cuda
    if known:
        why = "is built without CUDA" if built_for is None else f"is built for CUDA {built_for}"
        yield Finding(
            DEVICES,
            "CUDA",
            f"the driver {driver} knows {', '.join(known)}, torch {torch.__version__} sees none; "
            f"it {why}",
            Level.WARNING,
            "check CUDA_VISIBLE_DEVICES; install a torch for the driver's CUDA",
            {"cards": known, "torch_cuda": built_for},
        )
    else:
        yield Finding(DEVICES, "CUDA", "no device; the processor computes", values={"cards": []})


def _driver() -> str:
    try:
        words = _DRIVER.read_text(encoding="utf-8", errors="replace").split("\n")[0].split()
    except OSError:
        return "unknown"
    return next((word for word in words if word[0].isdigit() and "." in word), "unknown")


def _lease() -> Finding:
    try:
        with lease_device("auto", threads=1, wait=False) as name:
            return Finding(DEVICES, "leases", f"{name} is free for a task")
    except StoreError as error:
        return failed(DEVICES, "leases", error)
    except VirnucproError as error:
        # Nothing is free: a task would wait, which is in order.
        return failed(DEVICES, "leases", error, Level.WARNING)


def examine_computing(
    device: str = "auto", precision: str = "auto", attention: str = "auto"
) -> tuple[list[Finding], EmbedSettings | None]:
    """Number format and attention that would be taken; and the settings, None if there are none."""
    try:
        settings = resolve_settings(device, Precision(precision), 0, attention)
        automatic, reason = choose_precision(settings.device)
    except VirnucproError as error:
        return [failed(COMPUTING, "settings", error)], None
    chosen = settings.precision
    why = reason if precision == "auto" else f"asked for; auto is {automatic.value}: {reason}"
    found = [
        Finding(
            COMPUTING,
            "precision",
            f"{chosen.value} on {settings.device}: {why}",
            values={"precision": chosen.value, "device": str(settings.device), "reason": reason},
        )
    ]
    if settings.device.type == "cpu" and chosen is Precision.FP32 and cpu_multiplies_int8():
        text = "can be had with --precision int8, about twice as fast as fp32; auto never takes it"
        found.append(Finding(COMPUTING, "int8", text))
    for backend in ATTENTION_BACKENDS:
        found.append(_backend(backend, settings))
    return found, settings


def _backend(backend: str, settings: EmbedSettings) -> Finding:
    uses = {"ESM-2": False, "DNABERT-S": True}
    obstacles = {
        encoder: attention_obstacle(backend, settings.device, settings.dtype, needs_bias=needs_bias)
        for encoder, needs_bias in uses.items()
    }
    taken = [
        encoder
        for encoder, needs_bias in uses.items()
        if obstacles[encoder] is None
        and backend
        == choose_attention(
            settings.attention, settings.device, settings.dtype, needs_bias=needs_bias
        )
    ]
    distinct = dict.fromkeys(obstacles.values())
    if len(distinct) == 1:
        (obstacle,) = distinct
        text = "usable" if obstacle is None else obstacle
    else:
        text = "; ".join(f"{encoder}: {why or 'usable'}" for encoder, why in obstacles.items())
    if taken:
        text += f"; taken for {' and '.join(taken)}"
    values = {"obstacles": obstacles, "taken_for": taken}
    return Finding(COMPUTING, f"attention {backend}", text, values=values)
