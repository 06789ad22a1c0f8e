#!/usr/bin/env python3
"""Train the demo bundle: ``scripts/train_demo.py GENOMES assets/models/demo``.

GENOMES holds ``viral/*.fasta.gz`` and ``cellular/*.fasta.gz``. ``--steps`` shortens the fitting of
the encoders for a trial. The same genomes and numbers give the same bundle on the same machine.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from virnucpro_core.errors import VirnucproError
from virnucpro_core.training import DemoRecipe, train_demo_bundle


def main(
    genomes: Path,
    bundle: Path,
    steps: Annotated[int | None, typer.Option(help="Steps of the encoders' fitting.")] = None,
) -> None:
    """Train the demo bundle on a folder of genomes."""
    # One thread: sums are then added in one order, whatever the machine has.
    torch.set_num_threads(1)
    recipe = DemoRecipe()
    if steps is not None:
        recipe = replace(recipe, encoders=replace(recipe.encoders, steps=steps))
    try:
        made = train_demo_bundle(genomes, bundle, recipe, lambda line: print(line, flush=True))
    except VirnucproError as error:
        sys.exit(f"error: {error}")
    print(f"{bundle}: bundle {made.sha256[:12]}")


if __name__ == "__main__":
    typer.run(main)
