"""Getting tokens to a CUDA device and results back without the host waiting. No-ops on the CPU.

A copy between host and device runs beside the host only when the host's memory is pinned, and
beside the device's work only in a stream of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Downloads", "Uploads"]

# Results on their way. Enough that the device never waits for the host; the wait for the oldest
# also keeps the host from running away from the device with the memory of many batches.
_MOST_PENDING = 8


class Uploads:
    """Sends tensors to a device in a stream of its own, beside what the device computes."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def send(self, tensor: torch.Tensor) -> torch.Tensor:
        """A CPU tensor on the device, ready for the current stream."""
        if self._stream is None:
            return tensor
        with torch.cuda.stream(self._stream):
            there = tensor.pin_memory().to(self._device, non_blocking=True)
        current = torch.cuda.current_stream(self._device)
        current.wait_stream(self._stream)
        # Its memory belongs to the copying stream, which must not hand it out while it is read.
        there.record_stream(current)
        return there


class Downloads:
    """Rows of an array, filled from the device.

    Args:
        values: float32 [n, D], where the rows go.
        device: where they come from.
        arrived: called with the indices of rows that have been filled.
    """

    def __init__(
        self,
        values: NDArray[np.float32],
        device: torch.device,
        arrived: Callable[[NDArray[np.int64]], None],
    ) -> None:
        self._values = values
        self._device = device
        self._arrived = arrived
        self._pending: deque[tuple[NDArray[np.int64], torch.Tensor, torch.cuda.Event]] = deque()

    def add(self, indices: NDArray[np.int64], rows: torch.Tensor) -> None:
        """Have float32 ``rows`` [B, D] written to the rows ``indices`` [B]."""
        if self._device.type != "cuda":
            self._write(indices, rows)
            return
        here = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True)
        here.copy_(rows, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        self._pending.append((indices, here, event))
        if len(self._pending) > _MOST_PENDING:
            self._receive()

    def finish(self) -> None:
        """Wait for the rows that are on their way."""
        while self._pending:
            self._receive()

    def _receive(self) -> None:
        indices, here, event = self._pending.popleft()
        event.synchronize()
        self._write(indices, here)

    def _write(self, indices: NDArray[np.int64], rows: torch.Tensor) -> None:
        self._values[indices] = rows.numpy()
        self._arrived(indices)
