"""SIGTERM and SIGINT: what is finished is saved, then the command ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from virnucpro_core.errors import StoppedError

__all__ = ["StopSignals", "stop_signals"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Whether the command was told to stop.

    The first signal raises `StoppedError` where the command is, or, while it is ``deferred``, only
    notes the wish. A second one ends the process at once.

    Attributes:
        is_requested: whether a signal has come.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._is_deferred = False

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """The block asks ``is_requested`` by itself, and is not interrupted."""
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """What Python calls when a signal comes."""
        if self.is_requested:
            os._exit(StoppedError.exit_code)
        self.is_requested = True
        if not self._is_deferred:
            raise StoppedError(f"stopped by {signal.Signals(number).name}")


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Take SIGTERM and SIGINT over; the block must run in the main thread.

    One that is ignored on the way in (Ctrl-C in a background job of a shell) stays ignored.
    """
    stop = StopSignals()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop.handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
