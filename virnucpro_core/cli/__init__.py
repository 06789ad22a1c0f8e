"""The ``virnucpro`` command: parse, call the library, report errors. No logic here."""

from virnucpro_core.cli._start import main, task, task_of_lines

__all__ = ["main", "task", "task_of_lines"]
