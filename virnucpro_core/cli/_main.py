"""All commands as one, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from virnucpro_core import __version__
from virnucpro_core.cli._say import say
from virnucpro_core.errors import HostMemoryError, VirnucproError

__all__ = ["run_line"]

_COMMANDS = (
    "prepare",
    "shard",
    "embed",
    "estimate",
    "join",
    "classify",
    "consensus",
    "report",
    "model",
    "train",
    "store",
    "bench",
    "doctor",
)
"""Each is the function, or the ``app`` of several commands, of the module of its name."""


class _Commands(TyperGroup):
    """The commands, each imported when it is asked for: a task runs one of them.

    Any stands for classes of click: newer versions of Typer have a copy of it.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"virnucpro_core.cli._{cmd_name}")
        alone = typer.Typer(add_completion=False)
        if commands := getattr(module, "app", None):
            alone.add_typer(commands, name=cmd_name)
        else:
            alone.command(cmd_name)(getattr(module, cmd_name))
        return typer.main.get_group(alone).get_command(ctx, cmd_name)


app = typer.Typer(
    name="virnucpro",
    cls=_Commands,
    help="Find viruses in sequencing data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"virnucpro {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Find viruses in sequencing data."""


def run_line(argv: Sequence[str] | None) -> tuple[int, VirnucproError | None]:
    """Run a command line; see `virnucpro_core.cli.main`.

    Returns:
        The exit code, and the error that was printed, if it is one of ours.
    """
    try:
        app(args=None if argv is None else list(argv))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None), None
    except VirnucproError as error:
        say(f"virnucpro: error: {error}", to_stderr=True)
        return error.exit_code, error
    except MemoryError as error:
        short = HostMemoryError(str(error) or "there is not enough memory")
        say(f"virnucpro: error: {short}", to_stderr=True)
        return short.exit_code, short
    return 0, None
