from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.bundles import make_bundle
from tests.unit.training.embedded import EmbeddedDataset, embed_dataset, make_dataset, relabel
from virnucpro_core.errors import BundleError, StoreError
from virnucpro_core.models import Bundle, load_bundle
from virnucpro_core.pages import Text
from virnucpro_core.training import (
    Dataset,
    evaluation_page,
    fit_bundle,
    read_features,
    seen_genomes,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return load_bundle(make_bundle(tmp_path_factory.mktemp("bundles") / "base"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, base: Bundle) -> EmbeddedDataset:
    folder = tmp_path_factory.mktemp("dataset")
    dataset = make_dataset(folder / "data")
    return embed_dataset(dataset, base, folder / "embeddings")


@pytest.fixture
def embedded(tmp_path: Path, original: EmbeddedDataset) -> EmbeddedDataset:
    """A copy that a test may damage."""
    shutil.copytree(original.dataset.path, tmp_path / "data")
    shutil.copytree(original.dna[0].parent, tmp_path / "embeddings")
    return EmbeddedDataset(
        Dataset.open(tmp_path / "data"),
        *([tmp_path / "embeddings" / path.name for path in paths]
          for paths in (original.dna, original.protein)),
    )  # fmt: skip


def fit(
    given: EmbeddedDataset, base: Bundle, output: Path, **options: object
) -> tuple[Bundle, dict[str, object], list[str]]:
    lines: list[str] = []
    bundle, evaluation = fit_bundle(
        given.dataset, given.dna, given.protein, base, output, lines.append, **options
    )  # type: ignore[arg-type]
    return bundle, evaluation, lines


def test_a_bundle_has_the_encoders_of_the_old_one_and_says_how_it_was_made(
    original: EmbeddedDataset, base: Bundle, tmp_path: Path
) -> None:
    bundle, evaluation, _ = fit(original, base, tmp_path / "new")
    load_bundle(tmp_path / "new").verify()
    kept = ("dna.safetensors", "protein.safetensors", "tokenizer.json")
    assert all(bundle.spec.files[name] == base.spec.files[name] for name in kept)
    assert (tmp_path / "new" / kept[0]).samefile(base.path / kept[0])
    assert bundle.window_size == 90
    assert bundle.spec.calibration is not None
    assert bundle.spec.training["dataset"]["sha256"] == original.dataset.sha256
    assert {part: len(rows) for part, rows in bundle.spec.training["genomes"].items()} == {
        "train": 4, "validation": 4, "test": 4,
    }  # fmt: skip
    by_length = bundle.spec.accuracy["by_window_length"]
    assert set(by_length) == {"60", "90"}
    assert by_length["90"]["not_scorable"] == 24
    assert by_length["90"]["auc"] > 0.9
    assert bundle.spec.accuracy["baseline"]["k-mer logistic regression"]["90"]["auc"] > 0.6
    assert evaluation["bundle"]["sha256"] == bundle.sha256
    assert "curves" in evaluation
    assert "curves" not in bundle.spec.accuracy


def test_a_bundle_has_the_frame_rule_of_its_dataset(base: Bundle, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "data", frame_rule="longest")
    bundle, evaluation, _ = fit(
        embed_dataset(dataset, base, tmp_path / "embeddings"), base, tmp_path / "new"
    )
    assert (base.frame_rule, bundle.frame_rule) == ("complete", "longest")
    assert evaluation["data"]["frame_rule"] == "longest"
    (text,) = [
        block.text
        for section in evaluation_page(evaluation).sections
        for block in section.blocks
        if isinstance(block, Text) and "not scorable" in block.text
    ]
    assert "the one with the longest stretch without" in text


def test_a_frame_rule_that_is_none_is_refused(base: Bundle, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "data", frame_rule="shortest")
    embedded = embed_dataset(dataset, base, tmp_path / "embeddings")
    with pytest.raises(StoreError, match=r"dataset\.json: the frame rule is 'shortest'"):
        fit(embedded, base, tmp_path / "new")


def test_the_same_seed_gives_the_same_bundle(
    original: EmbeddedDataset, base: Bundle, tmp_path: Path
) -> None:
    one, two, other = (
        fit(original, base, tmp_path / folder / "new", seed=seed)[0]
        for folder, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one.sha256 == two.sha256
    assert one.spec.files != other.spec.files


def test_files_may_come_in_any_order_and_features_may_lie_in_a_file(
    original: EmbeddedDataset, base: Bundle, tmp_path: Path
) -> None:
    expected = read_features(original.dataset, original.dna, original.protein, base)
    found = read_features(
        original.dataset, original.dna[::-1], original.protein, base,
        scratch=tmp_path, most_bytes=0,
    )  # fmt: skip
    for part, features in expected.items():
        assert isinstance(found[part].values, np.memmap)
        assert (found[part].values == features.values).all()
        assert (found[part].window == features.window).all()
        assert len(features.labels) == 4 * 54 * 2
    assert list(tmp_path.iterdir()) == []


def test_embeddings_of_another_model_are_refused(
    embedded: EmbeddedDataset, base: Bundle, tmp_path: Path
) -> None:
    other = load_bundle(make_bundle(tmp_path / "other", seed=5))
    with pytest.raises(StoreError, match=r"dna\.h5: was made by .* with the weights"):
        read_features(embedded.dataset, embedded.dna, embedded.protein, other)
    relabel(embedded.protein[1], layer=0)
    with pytest.raises(StoreError, match=r"00002\.protein\.h5: is of layer 0"):
        read_features(embedded.dataset, embedded.dna, embedded.protein, base)


def test_a_shard_without_embeddings_is_named(embedded: EmbeddedDataset, base: Bundle) -> None:
    with pytest.raises(StoreError, match=r"00002\.h5: there are no protein embeddings"):
        read_features(embedded.dataset, embedded.dna, embedded.protein[:1], base)
    with pytest.raises(StoreError, match=r"is of the same shard as"):
        read_features(embedded.dataset, embedded.dna * 2, embedded.protein, base)


def test_a_dataset_that_was_made_again_does_not_take_the_old_embeddings(
    original: EmbeddedDataset, base: Bundle, tmp_path: Path
) -> None:
    again = make_dataset(tmp_path / "again", seed=2)
    with pytest.raises(StoreError, match=r"there are no DNA embeddings of this shard"):
        read_features(again, original.dna, original.protein, base)


def test_shards_that_are_not_those_of_the_dataset_are_refused(
    embedded: EmbeddedDataset, base: Bundle
) -> None:
    first, second = embedded.dataset.shards
    second.unlink()
    shutil.copy(first, second)
    with pytest.raises(StoreError, match=r"00002\.h5: is another shard than dataset\.json names"):
        read_features(embedded.dataset, embedded.dna, embedded.protein, base)


def test_an_output_that_exists_is_refused_before_anything_is_fitted(
    original: EmbeddedDataset, base: Bundle, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="exists already"):
        fit(original, base, tmp_path)


def test_test_genomes_that_the_encoders_have_seen_are_warned_of(
    original: EmbeddedDataset, base: Bundle, tmp_path: Path
) -> None:
    document = json.loads((base.path / "bundle.json").read_text())
    document["training"] = {"genomes": {"train": [{"name": "x", "sha256": f"{8:064x}"}]}}
    shutil.copytree(base.path, tmp_path / "seen")
    (tmp_path / "seen" / "bundle.json").write_text(json.dumps(document))
    bundle, evaluation, lines = fit(original, load_bundle(tmp_path / "seen"), tmp_path / "new")
    leak = (
        "1 of the 4 genomes judged were used for random-0 (its encoders), which flatters the "
        "figures: g08"
    )
    assert f"warning: {leak}" in lines
    assert evaluation["warnings"] == bundle.spec.accuracy["warnings"] != []
    assert leak in bundle.spec.accuracy["warnings"]
    # What the classifier has seen is on record too.
    seen = seen_genomes(bundle)
    assert seen[f"{0:064x}"] == "its training"
    assert seen[f"{4:064x}"] == "its stopping and calibration"
    assert seen[f"{8:064x}"] == "its encoders"
