"""All commands as one, and the one place where errors become a line and an exit code."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from virnucpro_core import __version__
from virnucpro_core.cli import (
    _bench,
    _classify,
    _consensus,
    _doctor,
    _embed,
    _estimate,
    _join,
    _model,
    _prepare,
    _report,
    _shard,
    _store,
    _train,
)
from virnucpro_core.cli._say import say
from virnucpro_core.errors import VirnucproError

__all__ = ["run_line"]

app = typer.Typer(
    name="virnucpro",
    help="Find viruses in sequencing data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("prepare")(_prepare.prepare)
app.command("shard")(_shard.shard)
app.command("embed")(_embed.embed)
app.command("estimate")(_estimate.estimate)
app.command("join")(_join.join)
app.command("classify")(_classify.classify)
app.command("consensus")(_consensus.consensus)
app.add_typer(_report.app, name="report")
app.add_typer(_model.app, name="model")
app.add_typer(_train.app, name="train")
app.add_typer(_store.app, name="store")
app.add_typer(_bench.app, name="bench")
app.add_typer(_doctor.app, name="doctor")


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


def run_line(argv: Sequence[str] | None) -> int:
    """Run a command line; see `virnucpro_core.cli.main`."""
    try:
        app(args=None if argv is None else list(argv))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except VirnucproError as error:
        say(f"virnucpro: error: {error}", to_stderr=True)
        return error.exit_code
    return 0
