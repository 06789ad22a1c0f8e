"""Commands as tasks of the pipeline, which leave in their folder what they ran with."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from virnucpro_core import __version__
from virnucpro_core._files import AtomicFile
from virnucpro_core.cli._main import main
from virnucpro_core.cli._say import say

__all__ = ["task", "task_of_lines"]

_DISTRIBUTIONS = {
    "altair": "altair",
    "dnaio": "dnaio",
    "esm": "fair-esm",
    "h5py": "h5py",
    "jinja2": "jinja2",
    "numpy": "numpy",
    "pyarrow": "pyarrow",
    "pysam": "pysam",
    "sklearn": "scikit-learn",
    "sourmash": "sourmash",
    "torch": "torch",
}
"""What results depend on: the name that is imported, and that of its distribution."""


def task(argv: Sequence[str]) -> int:
    """Run a command line as `main` does, and write ``versions.yml`` when it has succeeded.

    Args:
        argv: the arguments behind ``virnucpro``.

    Returns:
        The exit code, see `main`.
    """
    return task_of_lines([shlex.join(argv)])


def task_of_lines(lines: Iterable[str]) -> int:
    """Run command lines in one process, one after the other, up to the first that fails.

    Args:
        lines: the words behind ``virnucpro``, quoted as a shell takes them; empty lines are
            nothing.

    Returns:
        The exit code of the last line that ran, see `main`; 0 without any.
    """
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line)
        except ValueError as error:
            say(f"virnucpro: error: line {number} of the commands: {error}", to_stderr=True)
            return 2
        if words and (code := main(words)):
            return code
    _write_versions()
    return 0


def _write_versions() -> None:
    """Write the versions of Python and of the packages that were imported, a line each."""
    used = {"python": platform.python_version(), "virnucpro-core": __version__}
    for module, distribution in _DISTRIBUTIONS.items():
        if module in sys.modules:
            used[distribution] = version(distribution)
    with AtomicFile(Path("versions.yml")) as file:
        file.write("".join(f"    {name}: {number}\n" for name, number in used.items()).encode())
