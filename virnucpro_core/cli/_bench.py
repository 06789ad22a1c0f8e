"""``virnucpro bench``: measurements, printed as ratios."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Benchmarks. They print ratios and never fail by time.")


@app.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def frames(
    sequences: Annotated[
        Path | None, typer.Argument(help="FASTA to measure with; default: random genomes.")
    ] = None,
    window_size: Annotated[int, typer.Option(help="Window size in bases.")] = 500,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each, taken in turn.")] = 5,
) -> None:
    """Windows, frames and shards against seqkit and a plain Python loop."""
    from virnucpro_core.benchmarking import measure_frames

    typer.echo(str(measure_frames(sequences, window_size=window_size, runs=runs)))
