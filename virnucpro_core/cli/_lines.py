"""Many command lines in one process, which then loads the libraries once."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from virnucpro_core.cli._main import main
from virnucpro_core.cli._say import say

__all__ = ["main_of_lines"]


def main_of_lines(lines: Iterable[str]) -> int:
    """Run command lines one after the other, up to the first that fails.

    Args:
        lines: the words behind ``virnucpro``, quoted as a shell takes them; empty lines are
            nothing.

    Returns:
        The exit code of the last line that ran (see `main`); 0 without any.
    """
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line)
        except ValueError as error:
            say(f"virnucpro: error: line {number} of the commands: {error}", to_stderr=True)
            return 2
        if words and (code := main(words)):
            return code
    return 0
