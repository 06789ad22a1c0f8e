"""Frames without an embedding: the others are scored, and the results say what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.calling.samples import edit_scores, make_sample, stop_free
from tests.unit.calling.test_consensus import table
from virnucpro_core.calling import (
    merge_features,
    merge_set_aside,
    predict_scores,
    write_consensus,
)
from virnucpro_core.errors import NumericError, StoreError
from virnucpro_core.models import ClassifierConfig, MlpClassifier
from virnucpro_core.sequences import PrepareSettings, prepare
from virnucpro_core.store import (
    EmbeddingInfo,
    Embeddings,
    FrameShard,
    SetAside,
    read_embeddings,
    read_scores,
    read_shard,
    write_embeddings,
)

RECORDS = [("one", stop_free(60)), ("two", stop_free(120, 2)), ("three", stop_free(120, 4))]


def embeddings(shard: FrameShard, set_aside: dict[int, SetAside]) -> Embeddings:
    values = np.random.default_rng(1).normal(size=(len(shard), 4)).astype(np.float32)
    status = np.zeros(len(shard), dtype=np.uint8)
    for row, why in set_aside.items():
        status[row] = why
        values[row] = np.nan
    info = EmbeddingInfo("test", 1, "mean", "fp32", "w" * 64, shard.digest())
    return Embeddings(shard.frame_ids(), values, info, set_aside=status)


@pytest.fixture
def shard(tmp_path: Path) -> FrameShard:
    reads = tmp_path / "reads.fasta"
    reads.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in RECORDS))
    prepare(reads, tmp_path, PrepareSettings("s", window_size=60, shard_frames=30))
    return read_shard(tmp_path / "shards" / "s.shard_00001.h5")


def test_a_file_of_embeddings_says_what_was_set_aside(shard: FrameShard, tmp_path: Path) -> None:
    write_embeddings(embeddings(shard, {2: SetAside.MEMORY}), tmp_path / "e.h5")
    again = read_embeddings(tmp_path / "e.h5")
    assert (~again.is_embedded).nonzero()[0].tolist() == [2]
    assert np.isnan(again.values[2]).all()
    write_embeddings(embeddings(shard, {}), tmp_path / "whole.h5")
    assert read_embeddings(tmp_path / "whole.h5").set_aside is None


def test_a_frame_that_lacks_either_embedding_is_not_scored(shard: FrameShard) -> None:
    dna = embeddings(shard, {1: SetAside.MEMORY, 3: SetAside.MEMORY})
    protein = embeddings(shard, {1: SetAside.NOT_FINITE, 5: SetAside.NOT_FINITE})
    set_aside = merge_set_aside(dna, protein)
    assert {row: set_aside[row] for row in set_aside.nonzero()[0].tolist()} == {
        1: SetAside.MEMORY, 3: SetAside.MEMORY, 5: SetAside.NOT_FINITE,
    }  # fmt: skip
    classifier = MlpClassifier(ClassifierConfig(8, 4)).eval().for_prediction()
    features = merge_features(shard, dna, protein)
    scores = predict_scores(features, classifier, set_aside=set_aside)
    assert np.isnan(scores).any(axis=1).nonzero()[0].tolist() == [1, 3, 5]


def test_an_embedding_that_is_not_finite_must_have_been_set_aside(shard: FrameShard) -> None:
    wrong = embeddings(shard, {})
    wrong.values[4] = np.inf
    with pytest.raises(NumericError, match="is not finite"):
        merge_features(shard, wrong, embeddings(shard, {}))


def test_records_are_called_by_their_other_frames_and_say_so(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, RECORDS)
    (path,) = sample.score_paths
    scores = read_scores(path)
    of_one = np.flatnonzero(scores.record_index == 0)
    of_two = np.flatnonzero(scores.record_index == 1)
    status = np.zeros(len(scores), dtype=np.uint8)
    status[of_one] = SetAside.NOT_FINITE
    status[of_two[:2]] = SetAside.MEMORY, SetAside.NOT_FINITE
    values = scores.scores.copy()
    values[status > 0] = np.nan
    edit_scores(path, set_aside=status, scores=values)
    summary = write_consensus(sample.records, [path], sample.reads, tmp_path / "out")
    one, two, three = table(tmp_path / "out")
    n_one, n_two = len(of_one), len(of_two)
    assert (one["call"], one["virus_score"]) == ("not-scorable", "NA")
    assert one["reason"] == f"{n_one} of {n_one} frames set aside: embedding is not finite"
    assert two["call"] in ("virus", "non-virus")
    assert two["reason"] == (
        f"2 of {n_two} frames set aside: does not fit the device's memory, embedding is not finite"
    )
    assert three["reason"] == "NA"
    assert summary.n_not_scorable == 1
    frames = (tmp_path / "out" / "prediction_results.txt").read_text().splitlines()[1:]
    assert len(frames) == len(scores) - n_one - 2
    assert not any(line.startswith("one_chunk") for line in frames)
    chunks = (tmp_path / "out" / "prediction_results_highestscore.csv").read_text()
    assert "nan" not in chunks
    assert "one_chunk" not in chunks


def test_a_score_that_is_not_finite_must_have_been_set_aside(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, RECORDS)
    (path,) = sample.score_paths
    status = np.full(len(read_scores(path)), 77, dtype=np.uint8)
    edit_scores(path, set_aside=status)
    with pytest.raises(StoreError, match="impossible"):
        write_consensus(sample.records, [path], sample.reads, tmp_path / "out")
