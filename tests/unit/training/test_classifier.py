from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.models import MlpClassifier
from virnucpro_core.training import (
    RECIPES,
    ClassifierRecipe,
    find_recipe,
    fit_classifier,
    judge,
    window_scores,
)

SMALL = ClassifierRecipe(hidden_width=8, batch_frames=32, most_epochs=8)

Frames = tuple[np.ndarray, np.ndarray]


def draw(n: int, *, seed: int, distance: float = 4, share: float = 0.5) -> Frames:
    """Frames of six features, of which the first tells the class; its scale is a thousand."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < share).astype(np.int64)
    features = rng.normal(size=(n, 6)).astype(np.float32)
    features[:, 0] = 1000 * (features[:, 0] + distance * labels)
    return features, labels


def fit(recipe: ClassifierRecipe, **options: float) -> tuple[MlpClassifier, list[str]]:
    lines: list[str] = []
    torch.set_num_threads(1)
    train, validation = draw(1_000, seed=1, **options), draw(300, seed=2, **options)
    return fit_classifier(train, validation, recipe, lines.append), lines


def weights(classifier: MlpClassifier) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in classifier.state_dict().values())


@pytest.mark.parametrize("name", list(RECIPES))
def test_each_recipe_learns_what_can_be_learnt(name: str) -> None:
    classifier, _ = fit(replace(RECIPES[name], most_epochs=30))
    features, labels = draw(500, seed=3)
    accuracy = judge(
        window_scores(classifier.for_prediction(), features, np.arange(500), 500), labels
    )
    assert accuracy.accuracy > 0.95
    assert accuracy.auc > 0.98


def test_the_same_seed_gives_the_same_weights_and_another_one_others() -> None:
    assert weights(fit(SMALL)[0]) == weights(fit(SMALL)[0])
    assert weights(fit(SMALL)[0]) != weights(fit(replace(SMALL, seed=2))[0])


def test_fitting_stops_early_and_keeps_the_weights_of_the_lowest_loss() -> None:
    # Labels that nothing tells: what is learnt is noise, and the loss soon rises.
    recipe = replace(SMALL, hidden_width=256, most_epochs=60, patience=3, dropout=0.0)
    classifier, lines = fit(recipe, distance=0)
    losses = [float(line.rpartition(" ")[2]) for line in lines]
    assert len(losses) == losses.index(min(losses)) + 1 + recipe.patience < 60
    features, labels = draw(300, seed=2, distance=0)
    with torch.inference_mode():
        logits = classifier(torch.from_numpy(features))
    kept = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).item()
    # Classes are about as many here, so the weighted loss is close to the plain one.
    assert kept == pytest.approx(min(losses), abs=0.01)
    assert kept < losses[-1] - 0.01


def test_a_last_batch_of_one_frame_is_no_batch_of_its_own() -> None:
    train, validation = draw(65, seed=1), draw(50, seed=2)
    recipe = replace(SMALL, most_epochs=1)
    assert fit_classifier(train, validation, recipe, lambda _: None).training is False


def test_a_rare_class_counts_as_much_where_classes_are_weighed() -> None:
    test = draw(2_000, seed=3, distance=1.0)
    found = {}
    for weigh in (True, False):
        recipe = replace(SMALL, weigh_classes=weigh)
        classifier, _ = fit(recipe, distance=1.0, share=0.1)
        scores = window_scores(classifier.for_prediction(), test[0], np.arange(2_000), 2_000)
        found[weigh] = judge(scores, test[1]).sensitivity
    assert found[True] > found[False] + 0.3


def test_a_part_of_one_class_is_refused() -> None:
    features, labels = draw(50, seed=1)
    with pytest.raises(InputError, match=r"validation frames are not of both classes"):
        fit_classifier((features, labels), (features, 0 * labels), SMALL, lambda _: None)


def test_the_recipe_of_the_authors_is_as_they_published_it() -> None:
    recipe = find_recipe("authors")
    assert (recipe.optimizer, recipe.learning_rate, recipe.batch_frames) == ("sgd", 2e-4, 32)
    assert (recipe.hidden_width, recipe.most_epochs, recipe.patience) == (512, 200, 5)
    assert (recipe.decay_epochs, recipe.decay, recipe.dropout) == (10, 0.85, 0.5)
    with pytest.raises(UsageError, match="no recipe 'best'; use authors or default"):
        find_recipe("best")
