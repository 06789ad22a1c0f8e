"""Measuring in a process of its own, whose memory nothing before has touched."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from virnucpro_core.errors import VirnucproError

__all__ = ["in_fresh_process"]

_T = TypeVar("_T")


def in_fresh_process(function: Callable[..., _T], *arguments: object) -> _T:
    """What ``function`` returns in a new process; all of it must be picklable.

    Raises:
        VirnucproError: the process was killed. What the function raises is raised here as it is.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        try:
            return executor.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise VirnucproError(
                "a process that measured ended before its work was done",
                remedy="it may have been killed for want of memory: try --quick or a smaller model",
            ) from error
