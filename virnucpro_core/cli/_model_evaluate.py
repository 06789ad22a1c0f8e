"""``virnucpro model evaluate``: how good a bundle is on labelled sequences."""

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
from virnucpro_core.cli._options import FrameRuleOption, frame_rule_or
from virnucpro_core.cli._say import say
from virnucpro_core.cli._signals import stop_signals

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="A directory, a name ('model list') or s3://….")
    ],
    genomes: Annotated[
        Path,
        typer.Argument(help="Sheet with file,label,group, or a folder with viral/ and cellular/."),
    ],
    output: Annotated[Path, typer.Option(help="Folder for the evaluation.")],
    windows: Annotated[int, typer.Option(help="Windows with a frame, for each class.")] = 2_000,
    window_size: Annotated[
        int, typer.Option(min=0, help="Bases that records are cut into; 0: as the bundle says.")
    ] = 0,
    frame_rule: FrameRuleOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 1,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    threads: ThreadsOption = 0,
) -> None:
    """Judge a bundle on windows of labelled sequences, and warn of those that it was trained on.

    Run again, it goes on where it was stopped.
    """
    from virnucpro_core import training
    from virnucpro_core.models import open_bundle

    bundle = open_bundle(model)
    settings = training.DatasetSettings(
        windows=training.WindowSettings(
            windows,
            tile=window_size or bundle.window_size,
            seed=seed,
            frame_rule=frame_rule_or(bundle.frame_rule, frame_rule),
        ),
        name="evaluation",
    )
    with stop_signals() as stop:
        dataset = training.open_or_make_dataset(
            genomes, output / "dataset", settings, say, is_test=True
        )
        dna, protein = embed_shards(
            dataset, model, output / "embeddings", stop,
            checkpoint_dir=str(output / "checkpoints"),
            device=device, precision=precision, threads=threads,
        )  # fmt: skip
        document = training.evaluate_bundle(bundle, dataset, dna, protein)
        training.write_report(output, document)
    for warning in document["warnings"]:
        say(f"virnucpro: warning: {warning}", to_stderr=True)
    say(training.summary_lines(document))
    say(f"evaluation in {output}")
