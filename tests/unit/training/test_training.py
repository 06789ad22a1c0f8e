from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from virnucpro_core.errors import InputError
from virnucpro_core.models import load_bundle
from virnucpro_core.training import (
    ClassifierRecipe,
    DemoRecipe,
    EncoderRecipe,
    Genome,
    WindowSampler,
    fit_classifier,
    judge,
    read_genomes,
    split_genomes,
    train_demo_bundle,
    window_scores,
)

RECIPE = DemoRecipe(
    window_size=90,
    classifier_windows=400,
    judged_windows=100,
    judged_lengths=(90, 60),
    encoders=EncoderRecipe(
        n_layers=1, width=16, n_heads=2, vocabulary_size=32, steps=12, windows_per_step=24,
        shortest_window=60, longest_window=90,
    ),
    classifier=ClassifierRecipe(hidden_width=8, batch_frames=32, most_epochs=6),
)  # fmt: skip


def random_letters(rng: np.random.Generator, n: int, weights: list[float]) -> bytes:
    return rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), n, p=weights).tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that even a tiny model can tell apart: rich in G and C, and rich in A and C."""
    folder = tmp_path_factory.mktemp("genomes")
    rng = np.random.default_rng(2)
    for kind, weights in (("cellular", [0.2, 0.3, 0.3, 0.2]), ("viral", [0.4, 0.4, 0.15, 0.05])):
        (folder / kind).mkdir()
        for i in range(8):
            letters = random_letters(rng, 4_000, weights)
            content = b">a\n%s\n>b\n%s\n" % (letters[:3_000], letters[3_000:].lower())
            (folder / kind / f"{kind}{i}.1.fasta.gz").write_bytes(gzip.compress(content))
    return folder


def test_genomes_are_read_with_their_labels(folder: Path) -> None:
    genomes = read_genomes(folder)
    assert [genome.label for genome in genomes] == [0] * 8 + [1] * 8
    assert genomes[0].name == "cellular0.1"
    assert len(genomes[0].letters) == 4_001
    assert set(genomes[0].letters) == set(b"ACGTN")


def test_a_folder_without_a_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cellular.*holds no FASTA"):
        read_genomes(tmp_path)


def test_no_genome_is_in_two_parts_and_every_part_has_both_classes(folder: Path) -> None:
    genomes = read_genomes(folder)
    for seed in range(10):
        split = split_genomes(genomes, validation_share=0.15, test_share=0.25, seed=seed)
        parts = (split.train, split.validation, split.test)
        names = [genome.name for part in parts for genome in part]
        assert sorted(names) == sorted(genome.name for genome in genomes)
        assert [len(part) for part in parts] == [10, 2, 4]
        assert all({genome.label for genome in part} == {0, 1} for part in parts)
    again = split_genomes(genomes[::-1], validation_share=0.15, test_share=0.25, seed=9)
    assert {g.name for g in again.test} == {g.name for g in split.test}


def test_too_few_genomes_cannot_be_split(folder: Path) -> None:
    few = [genome for genome in read_genomes(folder) if not genome.name.endswith(("5.1", "6.1"))]
    few = [
        genome for genome in few if genome.label or genome.name in ("cellular0.1", "cellular1.1")
    ]
    with pytest.raises(InputError, match="2 cellular genomes"):
        split_genomes(few, validation_share=0.1, test_share=0.1, seed=1)


def test_windows_come_from_their_genome_and_as_often_from_each_class() -> None:
    rng = np.random.default_rng(1)
    genomes = [
        Genome(f"g{i}", i % 2, random_letters(rng, 2_000, [0.25] * 4) + b"N" * 500, "")
        for i in range(6)
    ]
    frames = WindowSampler(genomes, seed=3).draw(200, shortest=60, longest=120)
    assert np.bincount(frames.window_labels).tolist() == [100, 100]
    assert (frames.labels == frames.window_labels[frames.window]).all()
    for i in (0, len(frames.labels) // 2, len(frames.labels) - 1):
        genome = genomes[frames.window_genomes[frames.window[i]]]
        assert genome.label == frames.labels[i]
        nucleotides = frames.nucleotides[i]
        complement = nucleotides.translate(bytes.maketrans(b"ACGT", b"TGCA"))[::-1]
        assert nucleotides in genome.letters or complement in genome.letters
        assert len(nucleotides) // 3 == len(frames.proteins[i])
    again = WindowSampler(genomes, seed=3).draw(200, shortest=60, longest=120)
    assert list(again.nucleotides) == list(frames.nucleotides)


def test_the_classifier_learns_what_can_be_learnt_and_keeps_its_best() -> None:
    rng = np.random.default_rng(4)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.integers(0, 2, n)
        features = rng.normal(size=(n, 6)).astype(np.float32)
        features[:, 0] += 4 * labels
        return features, labels

    lines: list[str] = []
    classifier = fit_classifier(draw(1_000), draw(300), RECIPE.classifier, lines.append)
    features, labels = draw(500)
    accuracy = judge(window_scores(classifier, features, np.arange(500), 500), labels)
    assert accuracy.accuracy > 0.9
    assert accuracy.auc > 0.95
    assert len(lines) <= RECIPE.classifier.most_epochs


def test_judging_counts_as_a_table_by_hand_does() -> None:
    scores = np.array([0.9, 0.5, 0.2, 0.4, 0.6, np.nan])
    labels = np.array([1, 1, 1, 0, 0, 0])
    accuracy = judge(scores, labels)
    assert (accuracy.windows, accuracy.not_scorable) == (5, 1)
    assert accuracy.sensitivity == pytest.approx(2 / 3)
    assert accuracy.specificity == pytest.approx(1 / 2)
    assert accuracy.accuracy == pytest.approx(3 / 5)
    # of the six pairs: 0.9 wins twice, 0.5 wins once, 0.2 never
    assert accuracy.auc == pytest.approx(3 / 6)


@pytest.mark.slow
def test_the_recipe_makes_a_bundle_that_says_how_it_was_made(folder: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    bundle = train_demo_bundle(folder, tmp_path / "one", RECIPE, lines.append)
    again = train_demo_bundle(folder, tmp_path / "two", RECIPE, lambda _: None)
    assert bundle.sha256 == again.sha256
    assert load_bundle(tmp_path / "one").window_size == 90
    assert bundle.spec.accuracy["by_window_length"]["90"]["accuracy"] > 0.8
    parts = bundle.spec.training["genomes"]
    assert {part: len(genomes) for part, genomes in parts.items()} == {
        "train": 12, "validation": 2, "test": 2,
    }  # fmt: skip
    assert set(bundle.spec.accuracy["by_test_genome"]) == {g["name"] for g in parts["test"]}
    assert any(line.startswith("step 12 of 12") for line in lines)
