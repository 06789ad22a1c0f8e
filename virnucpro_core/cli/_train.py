"""``virnucpro train``: make a model of your own, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.cli import _train_fit, _train_run
from virnucpro_core.cli._say import say

__all__ = ["app"]

app = typer.Typer(help="Make a model of your own.", no_args_is_help=True)


@app.command()
def download(
    accessions: Annotated[
        Path, typer.Argument(help="An accession a line, or a table with accession,label,group.")
    ],
    output: Annotated[Path, typer.Option(help="Folder for the genomes.")],
    email: Annotated[str, typer.Option(help="Yours; NCBI asks for it.")],
    api_key: Annotated[
        str | None, typer.Option(help="Of your account at NCBI.", envvar="NCBI_API_KEY")
    ] = None,
    file_format: Annotated[str, typer.Option("--format", help="genbank or fasta.")] = "genbank",
    server: Annotated[
        str | None,
        typer.Option(help="E-utilities elsewhere than at NCBI.", envvar="VIRNUCPRO_ENTREZ"),
    ] = None,
) -> None:
    """Download genomes from NCBI by their accessions."""
    from virnucpro_core import training

    settings = training.DownloadSettings(email, api_key, file_format, server)
    summary = training.download_genomes(accessions, output, settings, say)
    say(f"{output}: {len(summary.fetched)} genomes downloaded, {len(summary.kept)} kept")
    if summary.sheet is not None:
        say(f"{summary.sheet}: the sheet for 'virnucpro train data'")


@app.command()
def data(
    genomes: Annotated[
        Path,
        typer.Argument(help="Sheet with file,label,group, or a folder with viral/ and cellular/."),
    ],
    output: Annotated[Path, typer.Option(help="Dataset directory to make.")],
    windows: Annotated[int, typer.Option(help="Windows with a frame, for each class.")] = 20_000,
    shortest: Annotated[int, typer.Option(help="Shortest window in bases.")] = 100,
    longest: Annotated[int, typer.Option(help="Longest window in bases.")] = 500,
    test_length: Annotated[
        list[int],
        typer.Option(help="Length of the test windows, in place of the range; can be repeated."),
    ] = [],  # noqa: B006 - Typer copies it
    window_size: Annotated[
        int | None, typer.Option(help="Tiles of this size, as VirNucPro's, in place of a range.")
    ] = None,
    frames: Annotated[
        str, typer.Option(help="all: every stop-free frame; cds: those in annotated genes.")
    ] = "all",
    validation: Annotated[float, typer.Option(help="Share kept for choosing.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share kept for the figures.")] = 0.15,
    similarity: Annotated[
        float | None, typer.Option(help="Share of protein k-mers from which genomes are kin.")
    ] = None,
    keep_overlap: Annotated[
        bool, typer.Option("--keep-overlap", help="Keep windows that are also in a virus.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw and of the split.")] = 1,
    name: Annotated[str, typer.Option(help="Name of the dataset.")] = "training",
    shard_frames: Annotated[int, typer.Option(help="Frames in a shard.")] = 20_000,
) -> None:
    """Cut labelled genomes into windows for training, validation and test."""
    from virnucpro_core import training

    settings = training.DatasetSettings(
        windows=training.WindowSettings(
            windows=windows,
            shortest=shortest,
            longest=longest,
            tile=window_size,
            frames=frames,
            keep_overlap=keep_overlap,
            seed=seed,
            test_lengths=tuple(test_length),
        ),
        shares=training.SplitShares(validation, test),
        similarity=training.DEFAULT_SIMILARITY if similarity is None else similarity,
        name=name,
        shard_frames=shard_frames,
    )
    made = training.make_dataset(genomes, output, settings, say)
    say(f"{output}: {len(made.windows)} windows, {len(made.shards)} shards")


app.command("fit")(_train_fit.fit)
app.command("run")(_train_run.run)
