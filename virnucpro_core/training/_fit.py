"""From the features of a dataset's windows to a classifier, its calibration and its test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.calling import Calibration
from virnucpro_core.errors import InputError
from virnucpro_core.models import Classifier, MlpClassifier
from virnucpro_core.store import ByteStrings
from virnucpro_core.training._baseline import KmerModel
from virnucpro_core.training._calibrate import ScoredWindows, fit_calibration
from virnucpro_core.training._classifier import fit_classifier, window_scores
from virnucpro_core.training._dataset_tables import WindowTable
from virnucpro_core.training._evaluation import JudgedWindows, evaluate
from virnucpro_core.training._features import PartFeatures
from virnucpro_core.training._recipes import ClassifierRecipe
from virnucpro_core.training._reliability import (
    FittedReliability,
    LabelledWindows,
    fit_reliability,
)

__all__ = ["FittedModel", "fit_model"]


@dataclass(frozen=True, slots=True)
class FittedModel:
    """What fitting makes.

    Attributes:
        classifier: ready for inference.
        calibration: fitted on the validation windows; None where they were too few.
        reliability: likewise; None without a calibration, or without the windows' sequences.
        evaluation: of the test windows, see `evaluate`.
    """

    classifier: MlpClassifier
    calibration: Calibration | None
    reliability: FittedReliability | None
    evaluation: dict[str, Any]


def fit_model(
    windows: WindowTable,
    features: Mapping[str, PartFeatures],
    recipe: ClassifierRecipe,
    log: Callable[[str], None],
    *,
    sequences: ByteStrings | None = None,
    frame_rule: FrameRule = "complete",
) -> FittedModel:
    """Fit on the training windows, choose and calibrate on validation, judge on test.

    Args:
        windows: of all parts.
        features: of each part's frames, see `read_features`.
        log: called with lines of progress.
        sequences: of all windows, for the k-mer baseline and the reliability; None for neither.
        frame_rule: of the windows.

    Raises:
        InputError: a part lacks one of the classes.
        UsageError: a package of the extra ``train`` is not installed.
    """
    train, validation, test = (features[name] for name in ("train", "validation", "test"))
    log(
        f"{len(train.labels)} training frames, {len(validation.labels)} validation frames, "
        f"{len(test.labels)} test frames of {train.values.shape[1]} features"
    )
    classifier = fit_classifier(
        (train.values, train.labels), (validation.values, validation.labels), recipe, log
    )
    predictor = classifier.for_prediction()
    scored_rows, scored = _scored(windows, validation, predictor)
    calibration = fit_calibration(scored, log)
    reliability = None
    if sequences is not None and calibration is not None:
        train_rows = np.intersect1d(windows.part("train"), np.flatnonzero(windows.n_frames))
        reliability = fit_reliability(
            _labelled(windows, sequences, train_rows),
            _labelled(windows, sequences, scored_rows),
            scored,
            calibration,
            frame_rule,
            log,
        )
    rows = windows.part("test")
    if len(np.unique(windows.label[rows])) < 2:
        raise InputError(
            "the test windows are not of both classes", remedy="give more genomes of each class"
        )
    score = window_scores(predictor, test.values, test.window, len(windows))[rows]
    judged = JudgedWindows(
        label=windows.label[rows],
        length=windows.length[rows],
        genome=[windows.genome[row] for row in rows.tolist()],
        group=[windows.group[row] for row in rows.tolist()],
        score=score,
        baseline=None if sequences is None else _baseline(windows, sequences, log),
    )
    return FittedModel(classifier, calibration, reliability, evaluate(judged, calibration))


def _scored(
    windows: WindowTable, part: PartFeatures, classifier: Classifier
) -> tuple[NDArray[np.int64], ScoredWindows]:
    """The windows of a part that have a score, as rows of ``windows``, and what they are."""
    score = window_scores(classifier, part.values, part.window, len(windows))
    rows = np.flatnonzero(~np.isnan(score))
    return rows, ScoredWindows(
        score=score[rows],
        label=windows.label[rows],
        length=windows.length[rows],
        genome=[windows.genome[row] for row in rows.tolist()],
        start=windows.start[rows],
        cluster=[windows.cluster[row] for row in rows.tolist()],
    )


def _labelled(
    windows: WindowTable, sequences: ByteStrings, rows: NDArray[np.int64]
) -> LabelledWindows:
    return LabelledWindows(
        _sequences_of(sequences, rows),
        windows.label[rows],
        [windows.cluster[row] for row in rows.tolist()],
    )


def _sequences_of(sequences: ByteStrings, rows: NDArray[np.int64]) -> ByteStrings:
    return ByteStrings.from_iterable(sequences[row] for row in rows.tolist())


def _baseline(
    windows: WindowTable, sequences: ByteStrings, log: Callable[[str], None]
) -> NDArray[np.float64]:
    """The k-mer model's probability of every test window."""

    def part(name: str) -> tuple[ByteStrings, NDArray[np.int64]]:
        rows = windows.part(name)
        return _sequences_of(sequences, rows), windows.label[rows]

    return KmerModel(part("train"), part("validation"), log).predict(part("test")[0])
