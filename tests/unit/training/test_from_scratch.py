from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from virnucpro_core.errors import UsageError
from virnucpro_core.models import load_bundle
from virnucpro_core.store import ByteStrings
from virnucpro_core.training import (
    DatasetSettings,
    EncoderRecipe,
    LabelledFrames,
    ModelRecipe,
    WindowSettings,
    _encoders,
    encoder_genomes,
    find_leaks,
    make_dataset,
    seen_genomes,
    train_from_scratch,
)
from virnucpro_core.training._codon_pairs import CODON_PAIRS, CodonPairTable
from virnucpro_core.training._encoders import (
    _dna_encoder,
    _noisy,
    _Pooled,
    _settle_embeddings,
    _split_evenly,
)

pytest.importorskip("sourmash", reason="sourmash, which clusters genomes, is not installed")

RECIPE = ModelRecipe(
    dataset=DatasetSettings(
        windows=WindowSettings(windows=300, shortest=60, longest=90, frame_rule="longest"),
        similarity=0.5, name="toy",
    ),
    encoders=EncoderRecipe(
        dna_width=16, protein_width=8, head_width=8, hidden=8, table_passes=4, protein_passes=4,
        batch_tokens=700,
    ),
    threads=1,
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
    noisy, same = _noisy((ids, cu_seqlens), 0.3, torch.Generator().manual_seed(1))
    assert same is cu_seqlens
    assert sorted(noisy.tolist()) == sorted(ids.tolist())
    assert 50 < int((noisy != ids).sum()) < 200
    assert (noisy[cu_seqlens[:-1]] == 0).all()
    assert (noisy[cu_seqlens[1:] - 1] == 2).all()
    assert torch.equal(_noisy((ids, cu_seqlens), 0.0, torch.Generator())[0], ids)


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
    recipe = EncoderRecipe(dna_width=16, head_width=8, dna_layers=2)
    table = CodonPairTable(recipe.dna_width)
    tokens = CODON_PAIRS.tokenize(ByteStrings.from_iterable([b"ATGGCATTTACG", b"ATGGCA", b"A"]))
    ids, cu_seqlens = torch.from_numpy(tokens.ids), torch.from_numpy(tokens.offsets)
    encoder = _dna_encoder(table, recipe)
    with torch.inference_mode():
        mean = table(ids, cu_seqlens)
        fitted = _Pooled(encoder)(ids, cu_seqlens)
        _settle_embeddings(encoder, table)
        settled = _Pooled(encoder)(ids, cu_seqlens)
    assert torch.allclose(mean, fitted, atol=1e-5)
    assert torch.equal(fitted, settled)


def test_batches_hold_about_as_many_tokens_and_each_row_once() -> None:
    lengths = np.sort(np.random.default_rng(3).integers(20, 170, 5_000))
    batches = list(_split_evenly(np.arange(5_000), lengths, 4_000))
    assert sorted(np.concatenate(batches).tolist()) == list(range(5_000))
    tokens = [int(lengths[rows].sum()) for rows in batches]
    assert max(tokens) - min(tokens) < 400
    assert np.mean(tokens) == pytest.approx(4_000, rel=0.02)


class _StopError(Exception):
    """In the place of a signal."""


@pytest.mark.slow
def test_a_stopped_fit_goes_on_to_the_same_bundle(
    sheet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn, which judges, is not installed")
    lines: list[str] = []
    bundle, document = train_from_scratch(
        sheet, tmp_path / "one", tmp_path / "work", RECIPE, lines.append
    )
    assert load_bundle(tmp_path / "one").window_size == 90
    assert bundle.frame_rule == "longest"
    assert all(row["accuracy"] > 0.8 for row in bundle.spec.accuracy["by_window_length"].values())
    parts = bundle.spec.training["genomes"]
    assert {part: len(genomes) for part, genomes in parts.items()} == {
        "train": 8, "validation": 2, "test": 2,
    }  # fmt: skip
    assert {genome["name"] for genome in encoder_genomes(bundle)} == {
        genome["name"] for genome in parts["train"]
    }
    tested = {genome["name"]: genome["sha256"] for genome in parts["test"]}
    assert not find_leaks(seen_genomes(bundle), tested, "toy")
    assert document["bundle"]["sha256"] == bundle.sha256

    # The same in four runs: each of the first three is stopped after two passes of any stages. A
    # checkpoint is written after every step.
    monkeypatch.setattr(_encoders, "_SAVE_SECONDS", 0.0)
    told: list[str] = []
    for _ in range(3):
        n_passes = 0

        def log(line: str) -> None:
            nonlocal n_passes
            told.append(line)
            n_passes += ", pass " in line
            if n_passes == 2:
                raise _StopError

        with pytest.raises(_StopError):
            train_from_scratch(sheet, tmp_path / "two", tmp_path / "work2", RECIPE, log)
    again, _ = train_from_scratch(sheet, tmp_path / "two", tmp_path / "work2", RECIPE, told.append)
    assert sum("goes on after step" in line for line in told) >= 3
    assert again.spec.to_json()["encoders"] == bundle.spec.to_json()["encoders"]
    weights = ("dna.safetensors", "protein.safetensors", "classifier.safetensors")
    for name in weights:
        assert (again.path / name).read_bytes() == (bundle.path / name).read_bytes()

    with pytest.raises(UsageError, match="exists already"):
        train_from_scratch(sheet, tmp_path / "two", tmp_path / "work2", RECIPE, told.append)
    other = replace(RECIPE, encoders=replace(RECIPE.encoders, seed=2))
    with pytest.raises(UsageError, match="another recipe"):
        train_from_scratch(sheet, tmp_path / "three", tmp_path / "work2", other, told.append)
