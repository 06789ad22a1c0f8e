"""``virnucpro classify``: embeddings to scores."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virnucpro_core._frame_rule import unlike_training
from virnucpro_core._progress import progress
from virnucpro_core.cli._options import ModelOption, StagesOption, check_counts, check_outputs
from virnucpro_core.cli._say import say
from virnucpro_core.reporting import Stage, write_stages
from virnucpro_core.store import ShardStrings, read_embeddings, read_shard, write_scores

if TYPE_CHECKING:
    from virnucpro_core.models import Bundle, Classifier, Reliability

__all__ = ["classify"]


def classify(
    shards: Annotated[
        list[Path], typer.Argument(help="Shards that 'virnucpro prepare' wrote.", metavar="SHARD…")
    ],
    dna: Annotated[list[Path], typer.Option(help="DNA embeddings, for each shard in turn.")],
    protein: Annotated[list[Path], typer.Option(help="Protein embeddings, likewise.")],
    model: ModelOption,
    output: Annotated[list[Path], typer.Option(help="HDF5 file to write, likewise.")],
    stages: StagesOption = None,
) -> None:
    """Merge both embeddings of the frames of shards and classify them."""
    from virnucpro_core.models import open_bundle

    check_counts(shards, {"--dna": dna, "--protein": protein, "--output": output})
    written = {"--output": output, "--stages": [] if stages is None else [stages]}
    check_outputs([*shards, *dna, *protein], written)
    bundle = open_bundle(model)
    classifier, reliability = bundle.load_classifier(), bundle.load_reliability()
    merging, prediction, n_frames = 0.0, 0.0, 0
    total = sum(len(ShardStrings(path, "proteins")) for path in shards)
    with progress(total, "classifying", "frames") as advance:
        advance(0)
        for files in zip(shards, dna, protein, output, strict=True):
            took = _classify_shard(bundle, classifier, reliability, *files)
            merging += took.merging
            prediction += took.prediction
            n_frames += took.n_frames
            say(f"{files[0].name}: {took.n_frames} frames classified")
            advance(n_frames)
    if stages is not None:
        write_stages(
            stages,
            [
                Stage("Feature Merging", merging, n_frames),
                Stage("Model Prediction", prediction, n_frames),
            ],
        )


@dataclass(frozen=True, slots=True)
class _Took:
    """Seconds of both stages, and the frames of a shard."""

    merging: float
    prediction: float
    n_frames: int


def _classify_shard(
    bundle: Bundle,
    classifier: Classifier,
    reliability: Reliability | None,
    shard: Path,
    dna: Path,
    protein: Path,
    output: Path,
) -> _Took:
    from virnucpro_core import calling

    started = time.perf_counter()
    frames, dna_embeddings, protein_embeddings = (
        read_shard(shard), read_embeddings(dna), read_embeddings(protein)
    )  # fmt: skip
    warning = unlike_training(frames.frame_rule, bundle.frame_rule)
    if warning is not None:
        say(f"virnucpro: {shard.name}: warning: {warning}", to_stderr=True)
    calling.check_weights(dna_embeddings, bundle.dna.weights_sha256, where=str(dna))
    calling.check_weights(protein_embeddings, bundle.protein.weights_sha256, where=str(protein))
    features = calling.merge_features(frames, dna_embeddings, protein_embeddings)
    set_aside = calling.merge_set_aside(dna_embeddings, protein_embeddings)
    merged = time.perf_counter()
    scores = calling.predict_scores(features, classifier, set_aside=set_aside)
    scored = calling.frame_scores(
        frames,
        scores,
        set_aside,
        bundle_sha256=bundle.sha256,
        calibration=bundle.calibration,
        trained_rule=bundle.frame_rule,
        reliability=reliability,
    )
    write_scores(scored, output)
    return _Took(merged - started, time.perf_counter() - merged, len(frames))
