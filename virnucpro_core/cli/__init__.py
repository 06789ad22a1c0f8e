"""The ``virnucpro`` command: parse, call the library, report errors. No logic here."""

from virnucpro_core.cli._start import main, main_of_lines

__all__ = ["main", "main_of_lines"]
