"""Batches through an encoder; one that does not fit the memory goes in halves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from virnucpro_core.embedding._loader import PackedBatch
from virnucpro_core.embedding._transfer import Uploads
from virnucpro_core.errors import DeviceMemoryError, HostMemoryError

__all__ = ["SOLO_ATTEMPTS", "Step", "name_want_of_memory", "run_batches", "sequence_does_not_fit"]

Step = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Tokens [T] on the device and ``cu_seqlens`` [B + 1] on the CPU to whatever is wanted of them."""

SOLO_ATTEMPTS = 2
"""A sequence that fails alone this often is given up: the first time may have been bad luck."""


def run_batches(
    batches: Iterator[PackedBatch], step: Step, device: torch.device
) -> Iterator[tuple[PackedBatch, torch.Tensor | None]]:
    """``step`` on every batch, in halves where memory is short; the host never waits for CUDA.

    Yields:
        Each batch or half of one, with its result; None for a single sequence that did not fit in
        any of `SOLO_ATTEMPTS` attempts.
    """
    uploads = Uploads(device)
    for whole in batches:
        parts = [whole]
        while parts:
            batch = parts.pop()
            result = _attempt(step, batch, uploads, device)
            if result is None and len(batch) > 1:
                parts.extend(reversed(batch.split()))
                continue
            for _ in range(SOLO_ATTEMPTS - 1):
                if result is None:
                    result = _attempt(step, batch, uploads, device)
            yield batch, result


def sequence_does_not_fit(
    n_tokens: int, where: str, device: torch.device, *, circumstance: str = ""
) -> DeviceMemoryError | HostMemoryError:
    """What to raise when a sequence that did not fit cannot be left out.

    Args:
        n_tokens: of the sequence.
        where: the sequence.
        device: whose memory it is.
        circumstance: what else is to be told, put behind what went wrong.
    """
    kind = HostMemoryError if device.type == "cpu" else DeviceMemoryError
    return kind(
        f"its {n_tokens} tokens do not fit the memory of {device}, even alone{circumstance}",
        where=where,
        remedy="leave it out, cut it, or use a device with more memory",
    )


@contextmanager
def name_want_of_memory(what: str, device: torch.device) -> Iterator[None]:
    """Raise an error that says so where the block runs out of memory.

    Args:
        what: what the memory is for, as in "the weights of esm2_t36_3B_UR50D".
        device: that it is for.

    Raises:
        HostMemoryError: the machine has too little.
        DeviceMemoryError: ``device``, which is not the CPU, has too little.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
        smaller = "use a smaller model or --precision bf16 or int8"
        if isinstance(error, torch.OutOfMemoryError) and device.type != "cpu":
            raise DeviceMemoryError(
                f"{what} do not fit the memory of {device}",
                remedy=f"free the device or take one with more memory, or {smaller}",
            ) from error
        raise HostMemoryError(
            f"{what} do not fit the memory of {'cpu' if device.type == 'cpu' else 'the machine'}",
            remedy=f"give the task more memory, or {smaller}",
        ) from error


def _attempt(
    step: Step, batch: PackedBatch, uploads: Uploads, device: torch.device
) -> torch.Tensor | None:
    try:
        with torch.inference_mode():
            return step(uploads.send(batch.tokens), batch.cu_seqlens)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
    # Only here, where the error no longer keeps what the attempt had allocated.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def _is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    # torch has no class of its own for a CPU without memory.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        "DefaultCPUAllocator" in str(error)
    )
