"""``virnucpro classify``: embeddings to scores."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.cli._options import ModelOption, StagesOption
from virnucpro_core.reporting import Stage, write_stages
from virnucpro_core.store import read_embeddings, read_shard, write_scores

__all__ = ["classify"]


def classify(
    shard: Annotated[Path, typer.Argument(help="A shard that 'virnucpro prepare' wrote.")],
    dna: Annotated[Path, typer.Option(help="Its DNA embeddings.")],
    protein: Annotated[Path, typer.Option(help="Its protein embeddings.")],
    model: ModelOption,
    output: Annotated[Path, typer.Option(help="HDF5 file to write.")],
    stages: StagesOption = None,
) -> None:
    """Merge both embeddings of a shard's frames and classify them."""
    from virnucpro_core import calling
    from virnucpro_core.models import open_bundle

    bundle = open_bundle(model)
    started = time.perf_counter()
    frames, dna_embeddings, protein_embeddings = (
        read_shard(shard), read_embeddings(dna), read_embeddings(protein)
    )  # fmt: skip
    calling.check_weights(dna_embeddings, bundle.dna.weights_sha256, where=str(dna))
    calling.check_weights(protein_embeddings, bundle.protein.weights_sha256, where=str(protein))
    features = calling.merge_features(frames, dna_embeddings, protein_embeddings)
    set_aside = calling.merge_set_aside(dna_embeddings, protein_embeddings)
    merged = time.perf_counter()
    scores = calling.predict_scores(features, bundle.load_classifier(), set_aside=set_aside)
    known = bundle.spec.calibration
    calibration = None if known is None else calling.Calibration.parse(known, str(model))
    scored = calling.frame_scores(
        frames, scores, set_aside, bundle_sha256=bundle.sha256, calibration=calibration
    )
    write_scores(scored, output)
    predicted = time.perf_counter()
    if stages is not None:
        write_stages(
            stages,
            [
                Stage("Feature Merging", merged - started, len(frames)),
                Stage("Model Prediction", predicted - merged, len(frames)),
            ],
        )
    typer.echo(f"{shard.name}: {len(frames)} frames classified")
