"""How far work is that takes a while: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["format_clock", "progress"]

_QUIET_SECONDS = 2.0
_LINE_SECONDS = 30.0


@contextmanager
def progress(
    total: int | None,
    name: str,
    unit: str = "sequences",
    wanted: bool | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[int], None]]:
    """Tell on stderr how far the work of the block is.

    In a terminal or notebook a bar comes up after two seconds. Elsewhere a line is written every 30
    seconds, and one at the end when there was any: ``shard 1: 12,000 of 20,000 sequences, 310 a
    second, 00:00:26 left``.

    Args:
        total: how many there are to do; None where that is not known.
        name: what stands before it.
        unit: what is counted.
        wanted: True shows a bar at once, False nothing at all, None what is said above.
        clock: seconds, for the lines.

    Yields:
        What to call with how many are done.
    """
    if wanted is False:
        yield lambda done: None
    elif wanted or _in_notebook() or sys.stderr.isatty():
        from tqdm.auto import tqdm  # type: ignore[import-untyped]

        delay = 0.0 if wanted else _QUIET_SECONDS
        with tqdm(total=total, desc=name, unit=f" {unit}", delay=delay, file=sys.stderr) as bar:
            yield lambda done: bar.update(done - bar.n)
    else:
        lines = _Lines(total, name, unit, clock)
        yield lines.advance
        lines.finish()


def format_clock(seconds: float) -> str:
    """``HH:MM:SS``, rounded to seconds."""
    whole = round(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class _Lines:
    def __init__(self, total: int | None, name: str, unit: str, clock: Callable[[], float]) -> None:
        self._total, self._name, self._unit, self._clock = total, name, unit, clock
        self._started = self._last = clock()
        self._first: int | None = None
        self._done = 0

    def advance(self, done: int) -> None:
        # What an earlier attempt has left is done at once and tells nothing of the speed.
        if self._first is None:
            self._first, self._started = done, self._clock()
        self._done = done
        now = self._clock()
        if now - self._last >= _LINE_SECONDS:
            self._last = now
            self._say(now)

    def finish(self) -> None:
        if self._last > self._started:
            self._say(self._clock())

    def _say(self, now: float) -> None:
        rate = (self._done - (self._first or 0)) / max(now - self._started, 1e-9)
        of = "" if self._total is None else f" of {self._total:,}"
        line = f"{self._name}: {self._done:,}{of} {self._unit}, {rate:,.0f} a second"
        if self._total is not None and rate > 0:
            line += f", {format_clock(max(self._total - self._done, 0) / rate)} left"
        # When nobody listens any more, the work goes on.
        with suppress(BrokenPipeError):
            print(line, file=sys.stderr, flush=True)


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
