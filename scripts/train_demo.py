#!/usr/bin/env python3
"""Train the demo bundle: ``scripts/train_demo.py SHEET assets/models/demo --work DIR``.

SHEET names genomes with label, group and split, as ``scripts/collect_genomes.py`` writes it.
``--windows`` and ``--protein-passes`` shorten it for a trial. The same genomes and numbers give the
same bundle on the same machine.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.errors import VirnucproError
from virnucpro_core.training import DemoRecipe, summary_lines, train_demo_bundle, write_report


def main(
    sheet: Path,
    bundle: Path,
    work: Annotated[Path, typer.Option(help="New directory for dataset, embeddings, report.")],
    windows: Annotated[int | None, typer.Option(help="Windows of each class.")] = None,
    protein_passes: Annotated[
        int | None, typer.Option(help="Passes of the protein encoder's fitting.")
    ] = None,
) -> None:
    """Train the demo bundle on the genomes of a sheet."""
    recipe = DemoRecipe()
    if windows is not None:
        drawn = replace(recipe.dataset.windows, windows=windows)
        recipe = replace(recipe, dataset=replace(recipe.dataset, windows=drawn))
    if protein_passes is not None:
        encoders = replace(recipe.encoders, protein_passes=protein_passes)
        recipe = replace(recipe, encoders=encoders)
    try:
        made, document = train_demo_bundle(
            sheet, bundle, work, recipe, lambda line: print(line, flush=True)
        )
        write_report(work, document)
    except VirnucproError as error:
        sys.exit(f"error: {error}")
    print(summary_lines(document))
    print(f"{made.name}: {made.path}, sha256 {made.sha256}")


if __name__ == "__main__":
    typer.run(main)
