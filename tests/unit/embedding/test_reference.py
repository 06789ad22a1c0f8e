"""The reference engine: the same embeddings as the packed one, by another way, and never mixed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.bundles import make_bundle
from tests.unit.embedding.shards import shard_of
from tests.unit.models.tolerances import TOLERANCES
from virnucpro_core.cli import main
from virnucpro_core.embedding import (
    EmbedSettings,
    Engine,
    Precision,
    ShardEmbedder,
    ShardResult,
    open_encoder,
    resolve_settings,
)
from virnucpro_core.embedding._fair_esm import MOST_RESIDUES, FairEsmTokenizer, plan_fair_esm
from virnucpro_core.embedding._reference import ReferenceEncoder, plan_alone
from virnucpro_core.errors import StoppedError, StoreError, UsageError
from virnucpro_core.models import EncoderKind, Esm2Tokenizer
from virnucpro_core.store import (
    ByteStrings,
    Embeddings,
    join_embeddings,
    read_embedding_info,
    read_embeddings,
    write_embeddings,
)

DEMO = Path(__file__).resolve().parents[3] / "assets" / "models" / "demo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle ``model`` with random weights; ``shard.h5``: 40 sequences, 3 of them twice."""
    folder = tmp_path_factory.mktemp("reference")
    make_bundle(folder / "model")
    rng = np.random.default_rng(5)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    some = [rng.choice(letters, n).tobytes() for n in rng.integers(3, 160, 37)]
    shard_of(ByteStrings.from_iterable([*some, *some[:3]]), folder / "shard.h5")
    return folder


def settings(engine: Engine, token_budget: int = 0) -> EmbedSettings:
    return resolve_settings("cpu", Precision.FP32, token_budget, engine=engine)


def embedded(
    folder: Path, engine: Engine, kind: EncoderKind, *, model: Path | None = None, **options: object
) -> ShardResult:
    source = open_encoder(model or folder / "model", kind)
    checkpoint_dir = str(options.pop("checkpoint_dir", ""))
    shard = ShardEmbedder(
        folder / "shard.h5", source, checkpoint_dir=checkpoint_dir, part_seconds=0
    )
    return shard.embed(settings(engine, int(str(options.pop("token_budget", 0)))), **options)  # type: ignore[arg-type]


def smallest_cosine(a: Embeddings, b: Embeddings) -> float:
    products = (a.values.astype(np.float64) * b.values).sum(axis=1)
    norms = np.linalg.norm(a.values, axis=1) * np.linalg.norm(b.values, axis=1)
    return float((products / norms).min())


@pytest.mark.parametrize("kind", ["dna", "protein"])
@pytest.mark.parametrize("is_demo", [False, True], ids=["random", "demo"])
def test_both_engines_give_the_same_embeddings(
    folder: Path, kind: EncoderKind, is_demo: bool
) -> None:
    model = DEMO if is_demo else None
    reference = embedded(folder, Engine.V1, kind, model=model)
    packed = embedded(folder, Engine.V2, kind, model=model)
    assert reference.embeddings.ids == packed.embeddings.ids
    assert smallest_cosine(reference.embeddings, packed.embeddings) >= 0.9999
    difference = np.abs(reference.embeddings.values - packed.embeddings.values).max()
    assert 0 < difference < TOLERANCES.peer
    assert reference.run.n_tokens > packed.run.n_tokens  # the repeated ones, too
    assert reference.run.n_unique == 40


def test_dna_goes_one_sequence_at_a_time_and_proteins_in_padded_batches(folder: Path) -> None:
    assert embedded(folder, Engine.V1, "dna", token_budget=900).run.n_batches == 40
    assert 1 < embedded(folder, Engine.V1, "protein").run.n_batches < 10
    assert embedded(folder, Engine.V1, "protein", token_budget=1).run.n_batches == 40


def test_batches_are_those_of_fair_esm() -> None:
    # Sorted by length, with one of the two special tokens: 4 · 3 fits 12, 5 · 3 does not.
    batches = plan_fair_esm(np.array([6, 5, 50, 4, 5]), 12)
    assert [batch.tolist() for batch in batches] == [[3, 1, 4], [0], [2]]
    assert [batch.tolist() for batch in plan_alone(np.array([6, 5]), 12)] == [[0], [1]]


def test_every_sequence_is_in_one_batch_whose_padding_fits() -> None:
    lengths = np.random.default_rng(1).integers(3, 170, 500)
    batches = plan_fair_esm(lengths, 2048)
    assert sorted(np.concatenate(batches).tolist()) == list(range(500))
    assert max(len(batch) * (lengths[batch].max() - 1) for batch in batches) <= 2048


def test_a_layer_in_the_middle_is_the_same_one(folder: Path) -> None:
    source = open_encoder(folder / "model", "dna")
    packed = source.load_encoder(settings(Engine.V2))
    reference = source.load_encoder(settings(Engine.V1))
    assert isinstance(reference, ReferenceEncoder)
    tokens, cu_seqlens = torch.tensor([1, 5, 2, 1, 6, 7, 8, 2]), torch.tensor([0, 3, 8])
    with torch.inference_mode():
        difference = packed(tokens, cu_seqlens, layer=0) - reference(tokens, cu_seqlens, layer=0)
    assert difference.abs().max() < TOLERANCES.peer


def test_tokens_are_those_of_the_packed_engine() -> None:
    strings = ByteStrings.from_iterable([b"MKVX", b"acJ*", b"BUZO", b"A" * MOST_RESIDUES])
    ours, theirs = Esm2Tokenizer().tokenize(strings), FairEsmTokenizer().tokenize(strings)
    assert np.array_equal(ours.ids, theirs.ids)
    assert np.array_equal(ours.offsets, theirs.offsets)


def test_a_protein_is_cut_where_the_original_cuts_it_and_that_is_told(folder: Path) -> None:
    long = ByteStrings.from_iterable([b"A" * (MOST_RESIDUES + 1), b"MKV"])
    assert FairEsmTokenizer().tokenize(long).lengths.tolist() == [MOST_RESIDUES + 2, 5]
    shard_of(long, folder / "long.h5")
    for kind, n_cut in (("protein", 1), ("dna", 0)):
        source = open_encoder(folder / "model", "dna" if kind == "dna" else "protein")
        result = ShardEmbedder(folder / "long.h5", source).embed(settings(Engine.V1))
        assert result.n_cut_off == n_cut
    assert ShardEmbedder(folder / "long.h5", source).embed(settings(Engine.V2)).n_cut_off == 0


def test_a_stopped_run_goes_on_to_the_same_bits_and_never_with_parts_of_the_other_engine(
    folder: Path, tmp_path: Path
) -> None:
    undisturbed = embedded(folder, Engine.V1, "protein")
    packed = embedded(folder, Engine.V2, "protein")
    asked = iter(range(1000))
    with pytest.raises(StoppedError):
        embedded(
            folder, Engine.V1, "protein",
            checkpoint_dir=tmp_path, is_stopped=lambda: next(asked) >= 1,
        )  # fmt: skip
    other = embedded(folder, Engine.V2, "protein", checkpoint_dir=tmp_path)
    assert other.run.n_resumed == 0
    assert np.array_equal(other.embeddings.values, packed.embeddings.values)
    resumed = embedded(folder, Engine.V1, "protein", checkpoint_dir=tmp_path)
    assert 0 < resumed.run.n_resumed < 40
    assert np.array_equal(resumed.embeddings.values, undisturbed.embeddings.values)
    manifests = [json.loads(path.read_text()) for path in tmp_path.rglob("manifest.json")]
    assert sorted(manifest["engine"] for manifest in manifests) == ["v1", "v2"]


def test_files_say_which_engine_made_them_and_are_not_joined(folder: Path, tmp_path: Path) -> None:
    for engine in Engine:
        write_embeddings(
            embedded(folder, engine, "dna").embeddings, tmp_path / f"{engine.value}.h5"
        )
    assert read_embedding_info(tmp_path / "v1.h5").engine == "v1"
    assert read_embedding_info(tmp_path / "v1.h5").precision == "fp32"
    with pytest.raises(StoreError, match="made in another way"):
        join_embeddings([tmp_path / "v1.h5", tmp_path / "v2.h5"], tmp_path / "joined.h5")


def test_a_file_from_before_there_were_engines_is_of_the_packed_one(
    folder: Path, tmp_path: Path
) -> None:
    import h5py

    write_embeddings(embedded(folder, Engine.V2, "dna").embeddings, tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "a") as file:
        del file.attrs["engine"]
    assert read_embeddings(tmp_path / "old.h5").info.engine == "v2"


@pytest.mark.parametrize(
    ("precision", "attention", "message"),
    [
        (Precision.BF16, "auto", "fp32 only, precision bf16"),
        (Precision.INT8, "auto", "fp32 only, precision int8"),
        (Precision.AUTO, "sdpa", "attention of its own, sdpa"),
    ],
)
def test_what_the_reference_does_not_have_is_refused(
    precision: Precision, attention: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_settings("cpu", precision, 0, attention, engine=Engine.V1)
    assert resolve_settings("cpu", Precision.AUTO, 0, engine=Engine.V1).precision is Precision.FP32


def test_without_fair_esm_the_command_names_the_extra(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "esm", None)
    command = ["embed", str(folder / "shard.h5"), "--model", str(folder / "model")]
    command += ["--engine", "v1", "--output", str(tmp_path / "e.h5")]
    assert main([*command, "--encoder", "protein"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "virnucpro-core[v1]" in line
    assert not (tmp_path / "e.h5").exists()
    assert main([*command, "--encoder", "dna"]) == 0
    assert "reference engine v1" in capfd.readouterr().out
