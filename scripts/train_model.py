#!/usr/bin/env python3
"""Train a bundle from genomes alone: ``scripts/train_model.py SHEET BUNDLE --work DIR``.

SHEET names genomes with label, group and split, as ``scripts/collect_genomes.py`` writes it.
Stopped and run again, it goes on where it was. ``--windows`` and ``--passes`` shorten it for a
trial. The same genomes and numbers give the same bundle on the same machine.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.errors import VirnucproError
from virnucpro_core.training import ModelRecipe, summary_lines, train_from_scratch, write_report


def main(
    sheet: Path,
    bundle: Path,
    work: Annotated[Path, typer.Option(help="Directory for dataset, checkpoints and report.")],
    description: Annotated[str, typer.Option(help="What the bundle says of itself.")] = "",
    windows: Annotated[int | None, typer.Option(help="Windows of each class.")] = None,
    passes: Annotated[int | None, typer.Option(help="Passes of each stage of the fitting.")] = None,
) -> None:
    """Train a bundle on the genomes of a sheet."""
    recipe = ModelRecipe()
    if windows is not None:
        drawn = replace(recipe.dataset.windows, windows=windows)
        recipe = replace(recipe, dataset=replace(recipe.dataset, windows=drawn))
    if passes is not None:
        encoders = replace(
            recipe.encoders, table_passes=passes, dna_passes=passes, protein_passes=passes
        )
        recipe = replace(recipe, encoders=encoders)
    try:
        made, document = train_from_scratch(
            sheet, bundle, work, recipe, lambda line: print(line, flush=True),
            description=description,
        )  # fmt: skip
        write_report(work, document)
    except VirnucproError as error:
        sys.exit(f"error: {error}")
    print(summary_lines(document))
    print(f"{made.name}: {made.path}, sha256 {made.sha256}")


if __name__ == "__main__":
    typer.run(main)
