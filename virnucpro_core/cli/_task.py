"""Commands as tasks of the pipeline, which leave in their folder what they ran with."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from virnucpro_core import __version__
from virnucpro_core._files import AtomicFile
from virnucpro_core.cli._main import run_line
from virnucpro_core.errors import UsageError

__all__ = ["run_task", "split_lines"]

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


def run_task(commands: Iterable[Sequence[str]]) -> int:
    """Run command lines; see `virnucpro_core.cli.task` and `virnucpro_core.cli.task_of_lines`."""
    for words in commands:
        if code := run_line(words):
            return code
    _write_versions()
    return 0


def split_lines(lines: Iterable[str]) -> Iterator[list[str]]:
    """The words of each line that has some.

    Raises:
        UsageError: a line cannot be split as a shell would.
    """
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageError(f"line {number} of the commands: {error}") from error
        if words:
            yield words


def _write_versions() -> None:
    """Write the versions of Python and of the packages that were imported, a line each."""
    used = {"python": platform.python_version(), "virnucpro-core": __version__}
    for module, distribution in _DISTRIBUTIONS.items():
        if module in sys.modules:
            used[distribution] = version(distribution)
    with AtomicFile(Path("versions.yml")) as file:
        file.write("".join(f"    {name}: {number}\n" for name, number in used.items()).encode())
