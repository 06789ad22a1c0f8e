"""A bundle from a dataset and its embeddings, with a record of how it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from virnucpro_core import __version__
from virnucpro_core.errors import BundleError
from virnucpro_core.models import Bundle, derive_bundle
from virnucpro_core.training._dataset import Dataset
from virnucpro_core.training._dataset_tables import LABELS, PARTS
from virnucpro_core.training._evaluation_file import accuracy_of, evaluation_document
from virnucpro_core.training._features import read_features
from virnucpro_core.training._fit import FittedModel, fit_model
from virnucpro_core.training._leaks import encoder_genomes, find_leaks
from virnucpro_core.training._recipes import ClassifierRecipe, find_recipe
from virnucpro_core.training._window_sequences import WINDOW_SEQUENCES, read_window_sequences

__all__ = ["fit_bundle"]

_FEW_CLUSTERS = 3
_WHAT = "windows of the test genomes, which neither fitting nor calibrating has seen"
_PROCEDURE = (
    "The encoders are those of another bundle, unchanged. The classifier was fitted on the "
    "embeddings of frames of the training genomes' windows, stopping early on the validation "
    "genomes, whose windows the calibration and the limits of strangeness were then fitted on. "
    "What tells windows from random letters was fitted on the training windows and shuffled ones. "
    "Genomes were split whole, alike genomes together."
)


def fit_bundle(
    dataset: Dataset,
    dna: Sequence[Path],
    protein: Sequence[Path],
    encoders: Bundle,
    output: Path,
    log: Callable[[str], None],
    *,
    name: str = "",
    description: str = "",
    recipe: str = "default",
    seed: int = 1,
    threads: int = 1,
) -> tuple[Bundle, dict[str, Any]]:
    """Fit a classifier and write a bundle with it and the encoders of another one.

    Args:
        dna, protein: embeddings of the dataset's shards, in any order.
        encoders: the bundle whose encoders made them.
        output: directory to make.
        log: called with lines of progress.
        name: of the bundle; empty for that of ``output``.
        description: of the bundle; empty for one that names the dataset and the encoders.
        recipe: a name of `RECIPES`.
        seed: of the weights and of the order of frames.
        threads: of torch. With one the same input gives the same bundle to the last bit.

    Returns:
        The bundle, and the document of ``evaluation.json``.

    Raises:
        InputError: a part of the dataset lacks one of the classes.
        StoreError: dataset and embeddings do not belong together.
        BundleError: the bundle cannot be written.
        UsageError: there is no such recipe, or scikit-learn is not installed.
    """
    chosen = replace(find_recipe(recipe), seed=seed)
    if output.exists():
        raise BundleError("exists already", where=str(output), remedy="choose another directory")
    torch.set_num_threads(threads)
    warnings = _warnings(dataset, encoders)
    for warning in warnings:
        log(f"warning: {warning}")
    output.parent.mkdir(parents=True, exist_ok=True)
    features = read_features(dataset, dna, protein, encoders, scratch=output.parent)
    sequences = read_window_sequences(dataset.path / WINDOW_SEQUENCES, dataset.windows.id)
    fitted = fit_model(
        dataset.windows,
        features,
        chosen,
        log,
        sequences=sequences,
        frame_rule=dataset.frame_rule,
    )
    bundle = derive_bundle(
        encoders,
        output,
        name=name or output.name,
        description=description
        or (
            f"Classifier trained on {len(dataset.genomes)} genomes of the dataset {dataset.name}, "
            f"on the encoders of {encoders.name}."
        ),
        window_size=int(dataset.windows.length.max()),
        frame_rule=dataset.frame_rule,
        classifier=fitted.classifier,
        calibration=None if fitted.calibration is None else fitted.calibration.to_json(),
        training=_training_record(dataset, encoders, recipe, chosen, threads),
        accuracy=accuracy_of(fitted.evaluation, _WHAT, warnings),
        reliability=None
        if fitted.reliability is None
        else (fitted.reliability.network, fitted.reliability.limits),
    )
    return bundle, _document(bundle, dataset, fitted, warnings)


def _warnings(dataset: Dataset, encoders: Bundle) -> list[str]:
    seen = {genome["sha256"]: "its encoders" for genome in encoder_genomes(encoders)}
    judged = {row.genome: row.sha256 for row in dataset.genomes if row.split == "test"}
    return [*find_leaks(seen, judged, encoders.name), *_few_clusters(dataset)]


def _few_clusters(dataset: Dataset) -> list[str]:
    """Sentences on classes of which a part has seen too little to speak for all others."""
    sentences = []
    for part, what in (("validation", "the calibration"), ("test", "the figures")):
        for label in LABELS:
            found = {r.cluster for r in dataset.genomes if (r.split, r.label) == (part, label)}
            if len(found) < _FEW_CLUSTERS:
                sentences.append(
                    f"the {part} windows of the class {label} are of {len(found)} clusters of "
                    f"genomes only: {what} may not hold for others"
                )
    return sentences


def _document(
    bundle: Bundle, dataset: Dataset, fitted: FittedModel, warnings: Sequence[str]
) -> dict[str, Any]:
    data = {
        "dataset": dataset.name,
        "sha256": dataset.sha256,
        "genomes": len(dataset.genomes),
        "frame_rule": dataset.frame_rule,
    }
    return evaluation_document(bundle, data, fitted.evaluation, _WHAT, warnings)


def _training_record(
    dataset: Dataset, encoders: Bundle, name: str, recipe: ClassifierRecipe, threads: int
) -> dict[str, Any]:
    return {
        "procedure": _PROCEDURE,
        "recipe": {"name": name, **asdict(recipe)},
        "threads": threads,
        "dataset": {
            "name": dataset.name,
            "sha256": dataset.sha256,
            "settings": dict(dataset.settings),
            "counts": dict(dataset.counts),
            "version": dataset.version,
        },
        "genomes": {
            part: [
                {
                    "name": row.genome,
                    "label": row.label,
                    "group": row.group,
                    "bases": row.bases,
                    "sha256": row.sha256,
                }
                for row in dataset.genomes
                if row.split == part
            ]
            for part in PARTS
        },
        "encoders": {"bundle": encoders.name, "sha256": encoders.sha256},
        "encoder_genomes": encoder_genomes(encoders),
        "versions": {
            "virnucpro": __version__,
            **{name: version(name) for name in ("torch", "numpy", "scikit-learn")},
        },
    }
