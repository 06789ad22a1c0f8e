"""All commands as one, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import os
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
from virnucpro_core.errors import HostMemoryError, VirnucproError

__all__ = ["main", "run"]

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


def _shorten_spinning() -> None:
    """Have torch's threads spin for microseconds and then sleep while they wait for each other.

    By default they spin for milliseconds, which makes a small encoder 10 to 20 times slower beside
    other work on the same cores. Without any spinning it would be half as fast on quiet ones.
    """
    # Read when torch is imported, so this comes first; a user's own choice stays.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: the arguments behind ``virnucpro``; None for those of the process.

    Returns:
        The exit code: 0 ok, 1 unexpected, 2 usage or bad input, 3 store, 4 out of memory, 5 out of
        a device's memory, 143 stopped by SIGTERM or SIGINT with the work saved.
    """
    code, _error = run(argv)
    return code


def run(argv: Sequence[str] | None = None) -> tuple[int, VirnucproError | None]:
    """`main`, which also returns the error that it has printed, if that is one of ours."""
    _shorten_spinning()
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
