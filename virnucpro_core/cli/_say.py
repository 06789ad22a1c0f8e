"""Printing that cannot fail a command whose work is done."""

from __future__ import annotations

import os
import sys

__all__ = ["say"]


def say(line: str, *, to_stderr: bool = False) -> None:
    """Print ``line``, at once.

    A scheduler that takes a job away may have closed the pipe that its output goes to. Then there
    is nobody to tell, and what the command has to do still counts: the line goes nowhere, and so
    does what is printed later.
    """
    stream = sys.stderr if to_stderr else sys.stdout
    try:
        print(line, file=stream, flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
