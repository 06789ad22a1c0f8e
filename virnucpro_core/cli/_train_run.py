"""``virnucpro train run``: from genomes to a model in one command, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.cli._embed_options import (
    DeviceOption,
    PrecisionOption,
    ThreadsOption,
    embed_shards,
)
from virnucpro_core.cli._options import FrameRuleOption, ModelOption, frame_rule_or
from virnucpro_core.cli._say import say
from virnucpro_core.cli._signals import stop_signals
from virnucpro_core.cli._train_fit import FitThreadsOption, RecipeOption, fit_and_report
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
from virnucpro_core.errors import UsageError

__all__ = ["run"]


def run(
    genomes: GenomesArgument,
    model: ModelOption,
    output: Annotated[Path, typer.Option(help="Folder for everything that is made.")],
    name: Annotated[str, typer.Option(help="Name of the bundle [<output>-<recipe>].")] = "",
    windows: WindowsOption = 20_000,
    shortest: ShortestOption = 100,
    longest: LongestOption = 500,
    test_length: TestLengthOption = [],  # noqa: B006 - Typer copies it
    window_size: WindowSizeOption = None,
    frames: FramesOption = "all",
    frame_rule: FrameRuleOption = None,
    validation: ValidationOption = 0.1,
    test: TestOption = 0.15,
    similarity: SimilarityOption = None,
    keep_overlap: KeepOverlapOption = False,
    seed: Annotated[int, typer.Option(min=0, help="Of draw, split, weights and order.")] = 1,
    recipe: RecipeOption = "default",
    fit_threads: FitThreadsOption = 1,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = 0,
) -> None:
    """Make a dataset, embed it with a model's encoders, and fit a new classifier.

    Run again, it goes on where it was stopped; with another --recipe it fits that on the
    embeddings that are there.
    """
    from virnucpro_core.models import open_bundle
    from virnucpro_core.training import (
        DEFAULT_SIMILARITY,
        DatasetSettings,
        SplitShares,
        WindowSettings,
        find_recipe,
        open_or_make_dataset,
    )

    find_recipe(recipe)
    settings = DatasetSettings(
        windows=WindowSettings(
            windows,
            shortest,
            longest,
            window_size,
            frames,
            keep_overlap=keep_overlap,
            seed=seed,
            test_lengths=tuple(test_length),
            frame_rule=frame_rule_or(open_bundle(model).frame_rule, frame_rule),
        ),
        shares=SplitShares(validation, test),
        similarity=DEFAULT_SIMILARITY if similarity is None else similarity,
    )
    bundle = output / (name or f"{output.resolve().name}-{recipe}")
    if bundle.exists():
        raise UsageError("exists already", where=str(bundle), remedy="give another --name")
    with stop_signals() as stop:
        dataset = open_or_make_dataset(genomes, output / "dataset", settings, say)
        dna, protein = embed_shards(
            dataset, model, output / "embeddings", stop,
            checkpoint_dir=str(output / "checkpoints"),
            device=device, precision=precision, threads=threads,
        )  # fmt: skip
        fit_and_report(
            dataset, dna, protein, model, bundle, bundle.with_name(f"{bundle.name}.evaluation"),
            name=bundle.name, recipe=recipe, seed=seed, threads=fit_threads,
        )  # fmt: skip
