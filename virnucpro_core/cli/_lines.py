"""Many command lines in one process, which then loads the libraries once."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from virnucpro_core.cli._main import run_line
from virnucpro_core.cli._say import say

__all__ = ["run_lines"]


def run_lines(lines: Iterable[str]) -> int:
    """Run command lines; see `virnucpro_core.cli.main_of_lines`."""
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line)
        except ValueError as error:
            say(f"virnucpro: error: line {number} of the commands: {error}", to_stderr=True)
            return 2
        if words and (code := run_line(words)):
            return code
    return 0
