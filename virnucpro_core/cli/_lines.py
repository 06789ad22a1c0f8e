"""Many command lines in one process, which then loads the libraries once."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from virnucpro_core._files import AtomicFile
from virnucpro_core.cli._main import run
from virnucpro_core.cli._say import say
from virnucpro_core.errors import InputError, VirnucproError

__all__ = ["main_of_lines"]


def main_of_lines(lines: Iterable[str], folder: Path = Path()) -> int:
    """Run command lines one after the other, up to the first that fails.

    Input that cannot be used costs its sample and no other: of a line with ``--sample NAME`` that
    an `InputError` ends, ``NAME.failure.json`` says why, the later lines of this sample are left
    out, and the others run.

    Args:
        lines: the words behind ``virnucpro``, quoted as a shell takes them; empty lines are
            nothing.
        folder: where the notes of samples that failed are written.

    Returns:
        The exit code of the line that ended it (see `main`); else 0, also when samples failed.
    """
    failed: set[str] = set()
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line)
        except ValueError as error:
            say(f"virnucpro: error: line {number} of the commands: {error}", to_stderr=True)
            return 2
        sample = _sample_of(words)
        if not words or sample in failed:
            continue
        code, problem = run(words)
        if sample is not None and isinstance(problem, InputError):
            _write_note(folder, sample, problem)
            failed.add(sample)
        elif code:
            return code
    return 0


def _sample_of(words: Sequence[str]) -> str | None:
    """The value of ``--sample``."""
    return next((value for option, value in pairwise(words) if option == "--sample"), None)


def _write_note(folder: Path, sample: str, error: VirnucproError) -> None:
    with AtomicFile(folder / f"{sample}.failure.json") as file:
        file.write(f"{json.dumps({'sample': sample, 'error': str(error)})}\n".encode())
