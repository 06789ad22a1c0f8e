"""The ``virnucpro`` command: parse, call the library, report errors. No logic here."""

from virnucpro_core.cli._main import main
from virnucpro_core.cli._task import task, task_of_lines

__all__ = ["main", "task", "task_of_lines"]
