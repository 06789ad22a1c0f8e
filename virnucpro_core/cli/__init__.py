"""The ``virnucpro`` command: parse, call the library, report errors. No logic here."""

from virnucpro_core.cli._lines import main_of_lines
from virnucpro_core.cli._main import main

__all__ = ["main", "main_of_lines"]
