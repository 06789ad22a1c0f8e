"""Every failure that the project expects, as one line: what, where, and what to do.

::

    VirnucproError            exit 1
    ├── UsageError            exit 2   an option or a combination of options
    ├── InputError            exit 2   a sequence file that cannot be used
    ├── BundleError           exit 2   a model bundle or a weights file
    ├── NumericError          exit 1   NaN or infinity where a number must be
    ├── StoreError            exit 3   a file of ours that cannot be read or written
    ├── HostMemoryError       exit 4   the machine has too little memory
    ├── DeviceMemoryError     exit 5   a GPU has too little memory for the weights or a sequence
    └── StoppedError          exit 143 a signal ended the work; what was finished is saved

This module imports nothing of the package, so that everything can import it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

__all__ = [
    "BundleError",
    "DeviceMemoryError",
    "HostMemoryError",
    "InputError",
    "NumericError",
    "StoppedError",
    "StoreError",
    "UsageError",
    "VirnucproError",
]


class VirnucproError(Exception):
    """An expected failure.

    Args:
        what: what went wrong, a clause without a full stop.
        where: file, line or record, printed first.
        remedy: what the user can do, printed last.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        line = f"{line}; {self.remedy}" if self.remedy else line
        # Names and messages from other libraries may hold line breaks; an error is one line.
        return " ".join(line.split())

    def __reduce__(self) -> tuple[Callable[[], VirnucproError], tuple[()]]:
        """Let an error travel from one process to another: keyword arguments would be lost."""
        return partial(type(self), self.what, where=self.where, remedy=self.remedy), ()


class UsageError(VirnucproError):
    """An option, or a combination of options, that makes no sense."""

    exit_code = 2


class InputError(VirnucproError):
    """A sequence file that cannot be used as it is."""

    exit_code = 2


class BundleError(VirnucproError):
    """A model bundle, or a weights file, that is incomplete, altered or of another kind."""

    exit_code = 2


class NumericError(VirnucproError):
    """NaN or infinity where a number must be."""


class StoreError(VirnucproError):
    """A shard, embedding, score or checkpoint file that cannot be read or written."""

    exit_code = 3


class HostMemoryError(VirnucproError):
    """The machine has no memory for what must be in it; more may help."""

    exit_code = 4


class DeviceMemoryError(VirnucproError):
    """A GPU has no memory for the weights or a single sequence; more for the host is no help."""

    exit_code = 5


class StoppedError(VirnucproError):
    """SIGTERM or SIGINT ended the work; what was finished is saved."""

    exit_code = 143
