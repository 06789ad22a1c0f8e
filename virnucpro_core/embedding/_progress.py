"""A progress bar with the time that is left, for work that takes a while."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]

_QUIET_SECONDS = 2.0


@contextmanager
def progress_bar(
    total: int, name: str, wanted: bool | None
) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on stderr while the block runs.

    Args:
        total: sequences to do.
        name: what stands before the bar.
        wanted: True shows it at once, False never, None in a terminal or notebook after two
            seconds.

    Yields:
        What to call with how many sequences are done, and of how many; None when no bar is wanted.
    """
    if wanted is False or (wanted is None and not (_in_notebook() or sys.stderr.isatty())):
        yield None
        return
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    delay = 0.0 if wanted else _QUIET_SECONDS
    with tqdm(total=total, desc=name, unit=" sequences", delay=delay, file=sys.stderr) as bar:

        def advance(done: int, _total: int) -> None:
            bar.update(done - bar.n)

        yield advance


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
