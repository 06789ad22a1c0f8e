"""Fitting the classifier on embeddings, and judging it on windows of unseen genomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from numpy.typing import NDArray

from virnucpro_core.calling import predict_scores, virus_score
from virnucpro_core.models import ClassifierConfig, MlpClassifier

__all__ = ["Accuracy", "ClassifierRecipe", "fit_classifier", "judge", "window_scores"]


@dataclass(frozen=True, slots=True)
class ClassifierRecipe:
    """How the classifier is shaped and fitted.

    Attributes:
        hidden_width: numbers in the hidden layer.
        batch_frames: frames in a step.
        learning_rate, weight_decay: of AdamW.
        most_epochs: passes over the training frames at most.
        patience: passes without a lower validation loss after which fitting stops; the weights of
            the lowest loss are kept.
        seed: of the weights and of the order of frames.
    """

    hidden_width: int = 64
    batch_frames: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    most_epochs: int = 40
    patience: int = 5
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well windows were called.

    Attributes:
        windows: windows with at least one stop-free frame.
        not_scorable: windows without; they count neither as right nor as wrong here.
        accuracy: share of ``windows`` that were called rightly.
        sensitivity: share of viral windows called virus.
        specificity: share of cellular windows called non-virus.
        auc: probability that a viral window scores higher than a cellular one.
    """

    windows: int
    not_scorable: int
    accuracy: float
    sensitivity: float
    specificity: float
    auc: float

    def to_json(self) -> dict[str, int | float]:
        """Rounded to four decimals."""
        return {key: round(value, 4) for key, value in asdict(self).items()}


def fit_classifier(
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    validation: tuple[NDArray[np.float32], NDArray[np.int64]],
    recipe: ClassifierRecipe,
    log: Callable[[str], None],
) -> MlpClassifier:
    """Fit the classifier until the validation loss no longer falls.

    Args:
        train, validation: features float32 [F, W] and labels int64 [F].
    """
    torch.manual_seed(recipe.seed)
    features, labels = (torch.from_numpy(array) for array in train)
    unseen, unseen_labels = (torch.from_numpy(array) for array in validation)
    classifier = MlpClassifier(ClassifierConfig(features.shape[1], recipe.hidden_width))
    optimizer = torch.optim.AdamW(
        classifier.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    best_loss, best, waited = float("inf"), classifier.state_dict(), 0
    for epoch in range(1, recipe.most_epochs + 1):
        classifier.train()
        for rows in torch.split(torch.randperm(len(features)), recipe.batch_frames):
            if len(rows) < 2:
                continue  # batch normalisation needs two
            optimizer.zero_grad()
            loss = F.cross_entropy(classifier(features[rows]), labels[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        classifier.eval()
        with torch.inference_mode():
            unseen_loss = F.cross_entropy(classifier(unseen), unseen_labels).item()
        log(f"classifier, pass {epoch}: validation loss {unseen_loss:.4f}")
        waited += 1
        if unseen_loss < best_loss:
            best_loss, waited = unseen_loss, 0
            best = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
        if waited == recipe.patience:
            break
    classifier.load_state_dict(best)
    return classifier.eval()


def window_scores(
    classifier: MlpClassifier,
    features: NDArray[np.float32],
    window: NDArray[np.int64],
    n_windows: int,
) -> NDArray[np.float64]:
    """Virus score of each window by VirNucPro's rule, float64 [W]; NaN without a frame.

    Args:
        features: float32 [F, W].
        window: int64 [F], the window of each frame.
    """
    best = np.zeros((n_windows, 2), dtype=np.float32)
    np.maximum.at(best, window, predict_scores(features, classifier))
    with np.errstate(invalid="ignore"):  # a window without a frame: 0 / 0
        return virus_score(best)


def judge(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> Accuracy:
    """Compare window scores with labels.

    Args:
        scores: float64 [W], NaN where a window could not be scored.
        labels: int64 [W], 0 cellular, 1 viral.
    """
    scorable = ~np.isnan(scores)
    scores, labels = scores[scorable], labels[scorable]
    called = scores >= 0.5
    viral = labels == 1
    return Accuracy(
        windows=len(scores),
        not_scorable=int((~scorable).sum()),
        accuracy=_mean(called == viral),
        sensitivity=_mean(called[viral]),
        specificity=_mean(~called[~viral]),
        auc=_auc(scores[viral], scores[~viral]),
    )


def _mean(right: NDArray[np.bool_]) -> float:
    return float(right.mean()) if len(right) else float("nan")


def _auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Area under the ROC curve: the Mann-Whitney statistic, ties counted half."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    not_above = np.searchsorted(ordered, positive, side="right")
    return float((below + not_above).mean() / 2 / len(negative))
