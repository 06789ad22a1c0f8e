"""``virnucpro train``: make a model of your own, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core._frame_rule import parse_frame_rule
from virnucpro_core.cli import _train_fit, _train_run
from virnucpro_core.cli._say import say
from virnucpro_core.cli._train_options import (
    FramesOption,
    GenomesArgument,
    KeepOverlapOption,
    LongestOption,
    ShortestOption,
    SimilarityOption,
    TestLengthOption,
    TestOption,
    ValidationOption,
    WindowSizeOption,
    WindowsOption,
)

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
    genomes: GenomesArgument,
    output: Annotated[Path, typer.Option(help="Dataset directory to make.")],
    windows: WindowsOption = 20_000,
    shortest: ShortestOption = 100,
    longest: LongestOption = 500,
    test_length: TestLengthOption = [],  # noqa: B006 - Typer copies it
    window_size: WindowSizeOption = None,
    frames: FramesOption = "all",
    frame_rule: Annotated[
        str, typer.Option(help="Frames of a window: complete or longest.")
    ] = "complete",
    validation: ValidationOption = 0.1,
    test: TestOption = 0.15,
    similarity: SimilarityOption = None,
    keep_overlap: KeepOverlapOption = False,
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
            frame_rule=parse_frame_rule(frame_rule),
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
