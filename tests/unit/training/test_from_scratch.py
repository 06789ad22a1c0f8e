from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from virnucpro_core.errors import UsageError
from virnucpro_core.models import load_bundle
from virnucpro_core.store import ByteStrings
from virnucpro_core.training import (
    DatasetSettings,
    DemoRecipe,
    EncoderRecipe,
    LabelledFrames,
    WindowSettings,
    encoder_genomes,
    find_leaks,
    make_dataset,
    seen_genomes,
    train_demo_bundle,
)
from virnucpro_core.training._codon_pairs import CODON_PAIRS, CodonPairTable
from virnucpro_core.training._encoders import _dna_encoder, _noisy, _Pooled

pytest.importorskip("sourmash", reason="sourmash, which clusters genomes, is not installed")

RECIPE = DemoRecipe(
    dataset=DatasetSettings(
        windows=WindowSettings(windows=300, shortest=60, longest=90), similarity=0.5, name="toy"
    ),
    encoders=EncoderRecipe(
        width=16, n_heads=2, head_width=8, table_passes=4, protein_passes=4, batch_frames=24,
    ),
)  # fmt: skip
PARTS = ["train", "train", "train", "train", "validation", "test"]


def random_letters(rng: np.random.Generator, n: int, weights: list[float]) -> bytes:
    return rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), n, p=weights).tobytes()


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that even a tiny model can tell apart: rich in G and C, and rich in A and C."""
    folder = tmp_path_factory.mktemp("genomes")
    rng = np.random.default_rng(2)
    lines = ["file\tlabel\tgroup\tsplit"]
    for label, weights in (("others", [0.2, 0.3, 0.3, 0.2]), ("virus", [0.4, 0.4, 0.15, 0.05])):
        for i, part in enumerate(PARTS):
            name = f"{label}{i}.fasta.gz"
            letters = random_letters(rng, 4_000, weights)
            (folder / name).write_bytes(gzip.compress(b">a\n%s\n" % letters))
            lines.append(f"{name}\t{label}\tfamily {i}\t{part}")
    (folder / "sheet.tsv").write_text("\n".join(lines) + "\n")
    return folder / "sheet.tsv"


def test_frames_of_a_part_carry_the_label_of_their_window(sheet: Path, tmp_path: Path) -> None:
    dataset = make_dataset(sheet, tmp_path / "dataset", RECIPE.dataset, lambda _: None)
    frames = LabelledFrames.of_part(dataset, "validation")
    genomes = {dataset.windows.genome[row] for row in frames.window.tolist()}
    assert genomes == {"others4", "virus4"}
    assert (frames.labels == dataset.windows.label[frames.window]).all()
    n_frames = dataset.windows.n_frames[dataset.windows.split == 1].sum()
    assert len(frames) == len(frames.nucleotides) == len(frames.proteins) == n_frames > 0
    weights = frames.class_weights()
    assert weights[frames.labels == 0].sum() == pytest.approx(weights[frames.labels == 1].sum())
    last = frames.take(np.array([len(frames) - 1]))
    assert list(last.proteins) == [frames.proteins[len(frames) - 1]]


def test_noise_moves_tokens_within_a_batch_and_leaves_the_ends_of_sequences() -> None:
    torch.manual_seed(1)
    ids = torch.cat([torch.tensor([0]), torch.arange(5, 15), torch.tensor([2])]).repeat(50)
    cu_seqlens = torch.arange(0, 601, 12)
    noisy, same = _noisy((ids, cu_seqlens), 0.3)
    assert same is cu_seqlens
    assert sorted(noisy.tolist()) == sorted(ids.tolist())
    assert 50 < int((noisy != ids).sum()) < 200
    assert (noisy[cu_seqlens[:-1]] == 0).all()
    assert (noisy[cu_seqlens[1:] - 1] == 2).all()
    assert torch.equal(_noisy((ids, cu_seqlens), 0.0)[0], ids)


def test_pairs_of_codons_share_what_they_are_made_of() -> None:
    """ATGGCA and ATGGCG: the same codon, 4-mers but for the last, and amino acids."""
    torch.manual_seed(1)
    table = CodonPairTable(8)
    strings = ByteStrings.from_iterable([b"ATGGCA", b"ATGGCG"])
    first, second = CODON_PAIRS.tokenize(strings).ids.reshape(2, 3)[:, 1].tolist()
    difference = (table.rows()[first] - table.rows()[second]).detach()
    last = table.parts[2]
    tgca, ggca = 4**3 * 2 + 4**2 * 2 + 4, 4**3 * 2 + 4**2 * 2 + 4 + 2
    expected = (last[tgca] - last[ggca]).detach()
    assert torch.allclose(difference, expected, atol=1e-6)


def test_the_encoder_begins_as_the_mean_of_its_fitted_embeddings() -> None:
    torch.manual_seed(1)
    recipe = EncoderRecipe(width=16, n_heads=2, dna_layers=2)
    table = CodonPairTable(recipe.width)
    tokens = CODON_PAIRS.tokenize(ByteStrings.from_iterable([b"ATGGCATTTACG", b"ATGGCA", b"A"]))
    ids, cu_seqlens = torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets)
    with torch.inference_mode():
        mean = table(ids, cu_seqlens)
        pooled = _Pooled(_dna_encoder(table, recipe))(ids, cu_seqlens)
    assert torch.allclose(mean, pooled, atol=1e-5)


@pytest.mark.slow
def test_the_recipe_makes_a_bundle_that_says_how_it_was_made(sheet: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn, which judges, is not installed")
    lines: list[str] = []
    torch.set_num_threads(2)
    bundle, document = train_demo_bundle(
        sheet, tmp_path / "one", tmp_path / "work", RECIPE, lines.append
    )
    again, _ = train_demo_bundle(
        sheet, tmp_path / "two", tmp_path / "work2", RECIPE, lambda _: None
    )
    assert bundle.sha256 == again.sha256
    assert load_bundle(tmp_path / "one").window_size == 90
    assert all(row["accuracy"] > 0.8 for row in bundle.spec.accuracy["by_window_length"].values())
    parts = bundle.spec.training["genomes"]
    assert {part: len(genomes) for part, genomes in parts.items()} == {
        "train": 8, "validation": 2, "test": 2,
    }  # fmt: skip
    assert {genome["name"] for genome in encoder_genomes(bundle)} == {
        genome["name"] for genome in parts["train"]
    }
    assert any("validation AUC" in line for line in lines)
    tested = {genome["name"]: genome["sha256"] for genome in parts["test"]}
    assert not find_leaks(seen_genomes(bundle), tested, "demo")
    assert document["bundle"]["sha256"] == bundle.sha256

    with pytest.raises(UsageError, match="exists already"):
        train_demo_bundle(sheet, tmp_path / "three", tmp_path / "work", RECIPE, lines.append)
