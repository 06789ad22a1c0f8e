"""From embeddings to scores: the right rows together, in the right order, checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.calling.samples import BUNDLE, random_records
from virnucpro_core.calling import check_weights, classify_frames, merge_features, predict_scores
from virnucpro_core.errors import BundleError, NumericError, StoreError
from virnucpro_core.models import Classifier, ClassifierConfig, MlpClassifier
from virnucpro_core.sequences import PrepareSettings, prepare
from virnucpro_core.store import EmbeddingInfo, Embeddings, FrameShard, read_shard

DNA_WIDTH, PROTEIN_WIDTH = 3, 5

# fp32: a sum of eight products, softmax of numbers near 1.
SCORE_TOLERANCE = 1e-6


@pytest.fixture
def shard(tmp_path: Path) -> FrameShard:
    reads = tmp_path / "reads.fasta"
    reads.write_text("".join(f">{name}\n{s}\n" for name, s in random_records(20, seed=1)))
    prepare(reads, tmp_path, PrepareSettings("s", window_size=60, shard_frames=30))
    # The second shard begins inside the sample, so record rows are not record numbers.
    return read_shard(tmp_path / "shards" / "s.shard_00002.h5")


def embeddings(shard: FrameShard, width: int, seed: int) -> Embeddings:
    values = np.random.default_rng(seed).normal(size=(len(shard), width)).astype(np.float32)
    info = EmbeddingInfo("test", 1, "mean", "fp32", "w" * 64, shard.digest())
    return Embeddings(shard.frame_ids(), values, info)


@pytest.fixture
def dna(shard: FrameShard) -> Embeddings:
    return embeddings(shard, DNA_WIDTH, seed=1)


@pytest.fixture
def protein(shard: FrameShard) -> Embeddings:
    return embeddings(shard, PROTEIN_WIDTH, seed=2)


@pytest.fixture
def fitted() -> MlpClassifier:
    torch.manual_seed(0)
    model = MlpClassifier(ClassifierConfig(DNA_WIDTH + PROTEIN_WIDTH, 4))
    with torch.no_grad():
        for tensor in (model.norm.running_mean, model.norm.weight, model.norm.bias):
            tensor.normal_()
        model.norm.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.fixture
def classifier(fitted: MlpClassifier) -> Classifier:
    return fitted.for_prediction()


def test_features_are_dna_first_then_protein(
    shard: FrameShard, dna: Embeddings, protein: Embeddings
) -> None:
    features = merge_features(shard, dna, protein)
    assert (features.dtype, features.shape) == (np.float32, (30, 8))
    np.testing.assert_array_equal(features[:, :DNA_WIDTH], dna.values)
    np.testing.assert_array_equal(features[:, DNA_WIDTH:], protein.values)


def test_scores_are_those_of_the_classifier_that_was_fitted(
    shard: FrameShard, dna: Embeddings, protein: Embeddings, fitted: MlpClassifier
) -> None:
    scores = classify_frames(
        shard, dna, protein, fitted.for_prediction(), bundle_sha256=BUNDLE, batch_rows=7
    )
    features = torch.from_numpy(np.concatenate([dna.values, protein.values], axis=1))
    with torch.inference_mode():
        expected = torch.softmax(fitted(features), dim=1)
    np.testing.assert_allclose(scores.scores, expected, rtol=0, atol=SCORE_TOLERANCE)
    assert scores.scores.dtype == np.float32


def test_scores_carry_the_frames_they_belong_to(
    shard: FrameShard, dna: Embeddings, protein: Embeddings, classifier: Classifier
) -> None:
    scores = classify_frames(shard, dna, protein, classifier, bundle_sha256=BUNDLE)
    assert (scores.sample, scores.shard, scores.bundle_sha256) == ("s", 2, BUNDLE)
    names = dict(zip(shard.record_index.tolist(), shard.record_ids, strict=True))
    ids = [name.rpartition("_chunk_")[0] for name in shard.frame_ids()]
    assert [names[index].decode() for index in scores.record_index.tolist()] == ids
    assert scores.record_index.min() > 0
    np.testing.assert_array_equal(scores.chunk, shard.chunk)
    np.testing.assert_array_equal(scores.chunk_length, shard.chunk_length)
    np.testing.assert_array_equal(scores.frame, shard.frame)


def test_no_frames(classifier: Classifier) -> None:
    assert predict_scores(np.empty((0, 8), np.float32), classifier).shape == (0, 2)


@pytest.mark.parametrize("which", ["DNA", "protein"])
def test_permuted_embeddings_are_refused(
    shard: FrameShard, dna: Embeddings, protein: Embeddings, which: str
) -> None:
    wrong = dna if which == "DNA" else protein
    ids = list(wrong.ids)
    ids[4], ids[9] = ids[9], ids[4]
    wrong = replace(wrong, ids=ids)
    pair = (wrong, protein) if which == "DNA" else (dna, wrong)
    with pytest.raises(StoreError) as caught:
        merge_features(shard, *pair)
    assert f"{which} embeddings" in str(caught.value)
    assert f"row 5 is of frame {ids[4]}, the shard's frame there is {ids[9]}" in str(caught.value)


def test_embeddings_of_fewer_frames_are_refused(
    shard: FrameShard, dna: Embeddings, protein: Embeddings
) -> None:
    short = replace(protein, ids=protein.ids[:-1], values=protein.values[:-1])
    with pytest.raises(StoreError, match="29 ids and 29 rows, the shard has 30 frames"):
        merge_features(shard, dna, short)
    uneven = replace(dna, values=dna.values[:-1])
    with pytest.raises(StoreError, match="30 ids and 29 rows"):
        merge_features(shard, uneven, protein)


def test_embeddings_of_a_shard_with_other_sequences_are_refused(
    shard: FrameShard, dna: Embeddings, protein: Embeddings
) -> None:
    other = replace(dna, info=replace(dna.info, shard_sha256="0" * 64))
    with pytest.raises(StoreError, match="made from a shard with digest 000000000000"):
        merge_features(shard, other, protein)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_embeddings_that_are_no_numbers_are_refused(
    shard: FrameShard, dna: Embeddings, protein: Embeddings, value: float
) -> None:
    protein.values[7, 2] = value
    with pytest.raises(NumericError) as caught:
        merge_features(shard, dna, protein)
    assert "protein embeddings" in str(caught.value)
    assert shard.frame_ids()[7] in str(caught.value)


def test_a_score_that_is_no_number_is_refused(classifier: Classifier) -> None:
    classifier.weights["output.bias"][0] = np.nan
    with pytest.raises(NumericError, match="row 0 is NaN"):
        predict_scores(np.zeros((3, 8), np.float32), classifier)


def test_a_classifier_of_another_shape_is_refused(classifier: Classifier) -> None:
    with pytest.raises(BundleError, match="takes 8 features, the two embeddings have 9"):
        predict_scores(np.zeros((3, 9), np.float32), classifier)
    three = MlpClassifier(ClassifierConfig(8, 4, 3)).eval().for_prediction()
    with pytest.raises(BundleError, match="3 classes"):
        predict_scores(np.zeros((3, 8), np.float32), three)


def test_embeddings_of_other_weights_are_refused(dna: Embeddings) -> None:
    check_weights(dna, "w" * 64, where="x.h5")
    with pytest.raises(StoreError, match=r"x\.h5.*with the weights wwww.* vvvv"):
        check_weights(dna, "v" * 64, where="x.h5")
