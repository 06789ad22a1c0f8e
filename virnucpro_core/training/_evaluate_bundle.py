"""Judging a bundle on labelled sequences of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from virnucpro_core._frame_rule import unlike_training
from virnucpro_core.models import Bundle
from virnucpro_core.training._classifier import window_scores
from virnucpro_core.training._dataset import Dataset
from virnucpro_core.training._evaluation import JudgedWindows, evaluate
from virnucpro_core.training._evaluation_file import evaluation_document
from virnucpro_core.training._features import read_features
from virnucpro_core.training._leaks import find_leaks, seen_genomes

__all__ = ["evaluate_bundle"]

_WHAT = "windows of labelled sequences that were given to 'virnucpro model evaluate'"


def evaluate_bundle(
    bundle: Bundle, dataset: Dataset, dna: Sequence[Path], protein: Sequence[Path]
) -> dict[str, Any]:
    """The document of ``evaluation.json`` for all windows of the test part of a dataset.

    Args:
        dataset: see `make_test_dataset`.
        dna, protein: embeddings of its shards by the bundle's encoders.

    Raises:
        StoreError: dataset and embeddings do not belong together.
        UsageError: a package of the extra ``train`` is not installed.
    """
    windows = dataset.windows
    part = read_features(dataset, dna, protein, bundle)["test"]
    rows = windows.part("test")
    score = window_scores(bundle.load_classifier(), part.values, part.window, len(windows))
    judged = JudgedWindows(
        label=windows.label[rows],
        length=windows.length[rows],
        genome=[windows.genome[row] for row in rows.tolist()],
        group=[windows.group[row] for row in rows.tolist()],
        score=score[rows],
    )
    genomes = {row.genome: row.sha256 for row in dataset.genomes}
    warnings = find_leaks(seen_genomes(bundle), genomes, bundle.name)
    other_rule = unlike_training(dataset.frame_rule, bundle.frame_rule)
    if other_rule is not None:
        warnings = [other_rule, *warnings]
    return evaluation_document(
        bundle,
        {
            "dataset": dataset.name,
            "sha256": dataset.sha256,
            "genomes": len(genomes),
            "frame_rule": dataset.frame_rule,
        },
        evaluate(judged, bundle.calibration),
        _WHAT,
        warnings,
    )
