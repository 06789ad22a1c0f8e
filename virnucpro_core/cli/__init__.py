"""The ``virnucpro`` command: parse, call the library, report errors. No logic here."""

from virnucpro_core.cli._main import main

__all__ = ["main"]
