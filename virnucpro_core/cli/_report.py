"""``virnucpro report``: what a run did and found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core import reporting

__all__ = ["app"]

app = typer.Typer(help="Summaries of a run.", no_args_is_help=True)


@app.command()
def stages(
    trace: Annotated[Path, typer.Argument(help="Nextflow's trace file.")],
    stages_dir: Annotated[Path, typer.Option(help="Directory with the tasks' stage tables.")],
    wall_seconds: Annotated[float | None, typer.Option(help="Wall time of the run.")] = None,
) -> None:
    """Print the nine stages of a run: seconds, share, sequences, tokens, bottlenecks."""
    summaries = reporting.summarise_stages(trace, stages_dir)
    typer.echo(reporting.render_stages(summaries, wall_seconds), nl=False)


@app.command()
def truth(
    sequences: Annotated[Path, typer.Argument(help="sequences.tsv of a run.")],
    labels: Annotated[Path, typer.Argument(help="Table with the columns id and label.")],
) -> None:
    """Compare the calls of a run with true labels."""
    from virnucpro_core.calling import compare_with_truth

    typer.echo(str(compare_with_truth(sequences, labels)))
