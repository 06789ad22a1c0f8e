"""Fitting the classifier on embeddings.

Shape letters: ``F`` frames, ``D`` features of a frame, ``W`` windows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from numpy.typing import NDArray
from torch import Tensor

from virnucpro_core.calling import predict_scores, virus_score
from virnucpro_core.errors import InputError
from virnucpro_core.models import Classifier, ClassifierConfig, MlpClassifier
from virnucpro_core.training._accuracy import Accuracy, judge
from virnucpro_core.training._recipes import ClassifierRecipe

__all__ = [
    "Accuracy",
    "ClassifierRecipe",
    "combine_frames",
    "fit_classifier",
    "judge",
    "window_scores",
]

_MOMENTUM = 0.9
_BLOCK_FRAMES = 8192


def fit_classifier(
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    validation: tuple[NDArray[np.float32], NDArray[np.int64]],
    recipe: ClassifierRecipe,
    log: Callable[[str], None],
) -> MlpClassifier:
    """Fit the classifier until the validation loss no longer falls, and keep the best weights.

    With one thread of torch (``torch.set_num_threads(1)``) the same input and recipe give the same
    weights to the last bit.

    Args:
        train, validation: features float32 [F, D] and labels int64 [F], 0 others, 1 virus. They
            may be memory-mapped: a batch at a time is read.

    Raises:
        InputError: a part lacks one of the classes.
    """
    for name, (_, part_labels) in (("training", train), ("validation", validation)):
        if len(np.unique(part_labels)) < 2:
            raise InputError(
                f"the {name} frames are not of both classes",
                remedy="give more genomes, or more windows of each",
            )
    torch.manual_seed(recipe.seed)
    features, labels = (torch.from_numpy(array) for array in train)
    n_frames, width = features.shape
    classifier = MlpClassifier(ClassifierConfig(width, recipe.hidden_width), dropout=recipe.dropout)
    if recipe.glorot:
        torch.nn.init.xavier_uniform_(classifier.hidden.weight)
        torch.nn.init.xavier_uniform_(classifier.output.weight)
    scale = _scaling(features) if recipe.standardise else None
    class_weights = _class_weights(labels) if recipe.weigh_classes else None
    optimizer = _optimizer(classifier, recipe)
    schedule = (
        torch.optim.lr_scheduler.StepLR(optimizer, recipe.decay_epochs, recipe.decay)
        if recipe.decay_epochs
        else None
    )
    # As even as they can be: the statistics of a last batch of a frame or two would be noise.
    n_batches = -(-n_frames // recipe.batch_frames)
    best_loss, best, waited = float("inf"), _copied(classifier), 0
    for epoch in range(1, recipe.most_epochs + 1):
        classifier.train()
        for rows in torch.tensor_split(torch.randperm(n_frames), n_batches):
            optimizer.zero_grad()
            logits = classifier(_scaled(features[rows], scale))
            F.cross_entropy(logits, labels[rows], weight=class_weights).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        if schedule is not None:
            schedule.step()
        loss = _loss(classifier, validation, scale, class_weights)
        log(f"classifier, pass {epoch}: validation loss {loss:.4f}")
        waited += 1
        if loss < best_loss:
            best_loss, best, waited = loss, _copied(classifier), 0
        if waited == recipe.patience:
            break
    classifier.load_state_dict(best)
    if scale is not None:
        _fold(classifier, *scale)
    return classifier.eval()


def window_scores(
    classifier: Classifier,
    features: NDArray[np.float32],
    window: NDArray[np.int64],
    n_windows: int,
) -> NDArray[np.float64]:
    """Virus score of each window by VirNucPro's rule, float64 [W]; NaN without a frame.

    Args:
        features: float32 [F, D].
        window: int64 [F], the window of each frame.
    """
    return combine_frames(predict_scores(features, classifier), window, n_windows)


def combine_frames(
    scores: NDArray[np.float32], window: NDArray[np.int64], n_windows: int
) -> NDArray[np.float64]:
    """Virus score of each window by VirNucPro's rule, float64 [W]; NaN without a frame.

    Args:
        scores: float32 [F, 2], of others and virus.
        window: int64 [F], the window of each frame.
    """
    best = np.zeros((n_windows, 2), dtype=np.float32)
    np.maximum.at(best, window, scores)
    with np.errstate(invalid="ignore"):  # a window without a frame: 0 / 0
        return virus_score(best)


def _optimizer(classifier: MlpClassifier, recipe: ClassifierRecipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            classifier.parameters(),
            lr=recipe.learning_rate,
            momentum=_MOMENTUM,
            weight_decay=recipe.weight_decay,
        )
    return torch.optim.AdamW(
        classifier.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )


def _scaling(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of every feature, float32 [D]; summed block by block in float64."""
    total = torch.zeros(features.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for block in torch.split(features, _BLOCK_FRAMES):
        total += block.double().sum(0)
    mean = total / len(features)
    for block in torch.split(features, _BLOCK_FRAMES):
        squares += (block.double() - mean).square().sum(0)
    deviation = (squares / len(features)).sqrt()
    # A feature that never changes tells nothing; it is not to be divided by zero.
    return mean.float(), torch.where(deviation > 1e-6, deviation, 1.0).float()


def _scaled(features: Tensor, scale: tuple[Tensor, Tensor] | None) -> Tensor:
    return features if scale is None else (features - scale[0]) / scale[1]


def _fold(classifier: MlpClassifier, mean: Tensor, deviation: Tensor) -> None:
    """Let the first layer take features as they are.

    ``W (x - mean) / deviation + b`` is ``V x + (b - V mean)`` with ``V = W / deviation``.
    """
    with torch.no_grad():
        classifier.hidden.weight.div_(deviation)
        classifier.hidden.bias.sub_(classifier.hidden.weight @ mean)


def _class_weights(labels: Tensor) -> Tensor:
    return len(labels) / (2 * torch.bincount(labels, minlength=2).float())


def _loss(
    classifier: MlpClassifier,
    part: tuple[NDArray[np.float32], NDArray[np.int64]],
    scale: tuple[Tensor, Tensor] | None,
    class_weights: Tensor | None,
) -> float:
    features, labels = (torch.from_numpy(array) for array in part)
    classifier.eval()
    with torch.inference_mode():
        logits = [
            classifier(_scaled(block, scale)) for block in torch.split(features, _BLOCK_FRAMES)
        ]
        return F.cross_entropy(torch.cat(logits), labels, weight=class_weights).item()


def _copied(classifier: MlpClassifier) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
