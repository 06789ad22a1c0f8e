"""``virnucpro bench``: measurements, printed as ratios."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core._limits import available_cpus
from virnucpro_core.cli._bench_suites import add_suites
from virnucpro_core.cli._options import make_output
from virnucpro_core.errors import UsageError

__all__ = ["app"]

app = typer.Typer(help="Benchmarks. They print ratios and never fail by time.")
add_suites(app)


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


@app.command()
def embed(
    sizes: Annotated[
        str, typer.Option(help="Sizes of ESM-2: 8M, 35M, 150M, 650M, 3B, with commas between.")
    ] = "8M,35M,150M,650M",
    sequences: Annotated[
        int, typer.Option(min=2, help="Proteins of 98-100 residues in a round.")
    ] = 16,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds after the warm-up.")] = 3,
    threads: Annotated[
        int, typer.Option(min=0, help="Threads of each; 0: all that are available.")
    ] = 0,
    patience: Annotated[
        float, typer.Option(min=1, help="Seconds for a round; a slower program runs only once.")
    ] = 240,
    scaling: Annotated[
        str, typer.Option(help="Size to measure threads and processes with, or 'none'.")
    ] = "35M",
    peers_dir: Annotated[
        Path, typer.Option(help="Where peers are installed and random models written, and kept.")
    ] = Path(".bench"),
    output: Annotated[
        Path | None, typer.Option(help="Directory for embed.md, embed.json and embed.svg.")
    ] = None,
) -> None:
    """Embedding against fair-esm, transformers, faesm, esm-efficient and esm-cpp."""
    from virnucpro_core.benchmarking import measure_embed, plot_embed

    if output is not None:
        # Now, not after the measuring.
        make_output(output)
        if find_spec("matplotlib") is None:
            raise UsageError(
                "--output needs matplotlib for its plot",
                remedy="install the extra 'bench' of virnucpro-core",
            )
    report = measure_embed(
        [size.strip() for size in sizes.split(",") if size.strip()],
        peers_dir=peers_dir,
        n_sequences=sequences,
        rounds=rounds,
        n_threads=threads or available_cpus(),
        patience=patience,
        scaling_size=None if scaling == "none" else scaling,
        say=lambda text: typer.echo(text, err=True),
    )
    typer.echo(str(report))
    if output is not None:
        (output / "embed.md").write_text(f"{report}\n", encoding="utf-8")
        (output / "embed.json").write_text(report.to_json(), encoding="utf-8")
        plot_embed(report, output / "embed.svg")


@app.command()
def techniques(
    model: Annotated[str, typer.Option(help="Whose layers, by its published name.")] = (
        "esm2_t33_650M_UR50D"
    ),
    sequences: Annotated[int, typer.Option(min=2, help="Proteins of 20-400 residues.")] = 40,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds after the warm-up.")] = 3,
) -> None:
    """What packing, batch size, number format and compiling give or cost, one at a time."""
    import torch

    from virnucpro_core.benchmarking._techniques import measure_techniques

    torch.set_num_threads(available_cpus())
    typer.echo(str(measure_techniques(model, sequences=sequences, rounds=rounds)))
