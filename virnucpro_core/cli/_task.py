"""Commands as tasks of the pipeline, which leave in their folder what they ran with."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from virnucpro_core import __version__
from virnucpro_core._files import AtomicFile
from virnucpro_core.cli._main import run_line
from virnucpro_core.errors import InputError, UsageError, VirnucproError

__all__ = ["run_lines", "run_task"]

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


def run_task(argv: Sequence[str]) -> int:
    """Run a command line; see `virnucpro_core.cli.task`."""
    code, _error = run_line(argv)
    if not code:
        _write_versions()
    return code


def run_lines(lines: Iterable[str]) -> int:
    """Run command lines; see `virnucpro_core.cli.task_of_lines`.

    Raises:
        UsageError: a line cannot be split as a shell would.
    """
    failed: set[str] = set()
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageError(f"line {number} of the commands: {error}") from error
        sample = _sample_of(words)
        if not words or sample in failed:
            continue
        code, problem = run_line(words)
        if sample is not None and isinstance(problem, InputError):
            _write_note(sample, problem)
            failed.add(sample)
        elif code:
            return code
    _write_versions()
    return 0


def _sample_of(words: Sequence[str]) -> str | None:
    """The value of ``--sample``."""
    return next((value for option, value in pairwise(words) if option == "--sample"), None)


def _write_note(sample: str, error: VirnucproError) -> None:
    with AtomicFile(Path(f"{sample}.failure.json")) as file:
        file.write(f"{json.dumps({'sample': sample, 'error': str(error)})}\n".encode())


def _write_versions() -> None:
    """Write the versions of Python and of the packages that were imported, a line each."""
    used = {"python": platform.python_version(), "virnucpro-core": __version__}
    for module, distribution in _DISTRIBUTIONS.items():
        if module in sys.modules:
            used[distribution] = version(distribution)
    with AtomicFile(Path("versions.yml")) as file:
        file.write("".join(f"    {name}: {number}\n" for name, number in used.items()).encode())
