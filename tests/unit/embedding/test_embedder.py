"""`Embedder`: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import virnucpro_core
from tests.bundles import make_bundle
from tests.unit.models.hugging_face import write_dnabert_s, write_esm2
from virnucpro_core import _progress
from virnucpro_core.embedding import Embedder
from virnucpro_core.errors import BundleError, InputError, NumericError, UsageError, VirnucproError
from virnucpro_core.models import Esm2, Esm2Tokenizer, load_bundle
from virnucpro_core.store import ByteStrings, read_embeddings

# One sequence in another batch: fp32 sums in another order.
OTHER_BATCH = 1e-5
PROTEINS = {"b": "MKTAYIAKQR", "a": "GIVEQCCTSICSLYQLENYCN", "c": "MKTAYIAKQR", "d": "W"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("embedder") / "bundle")


@pytest.fixture(scope="module")
def embedder(bundle: Path) -> Embedder:
    return Embedder.load(bundle, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def dna_embedder(bundle: Path) -> Embedder:
    return Embedder.load(bundle, encoder="dna", device="cpu", precision="fp32")


def tokens_of(bundle: Path, sequence: str, layer: int) -> NDArray[np.float32]:
    """float32 [L + 2, D], one protein by itself."""
    encoder = load_bundle(bundle).load_encoder("protein")
    tokens = load_bundle(bundle).load_tokenizer("protein")
    packed = tokens.tokenize(ByteStrings.from_iterable([sequence.encode()]))
    with torch.inference_mode():
        ids, offsets = torch.from_numpy(packed.ids), torch.from_numpy(packed.offsets)
        return encoder(ids, offsets, layer=layer).numpy()


@pytest.mark.parametrize("layer", [0, 1])
def test_poolings_are_what_they_say(embedder: Embedder, bundle: Path, layer: int) -> None:
    mean = embedder.embed(PROTEINS, layer=layer)
    first = embedder.embed(PROTEINS, "cls", layer)
    every = embedder.embed(PROTEINS, "none", layer)
    assert mean.ids == first.ids == every.ids == ["b", "a", "c", "d"]
    assert mean.values.dtype == first.values.dtype == every.values[0].dtype == np.float32
    for index, sequence in enumerate(PROTEINS.values()):
        tokens = tokens_of(bundle, sequence, layer)
        residues = tokens[1:-1]
        np.testing.assert_allclose(every.values[index], residues, atol=OTHER_BATCH)
        np.testing.assert_allclose(mean.values[index], residues.mean(axis=0), atol=OTHER_BATCH)
        np.testing.assert_allclose(first.values[index], tokens[0], atol=OTHER_BATCH)


def test_dna_means_take_in_the_special_tokens(dna_embedder: Embedder) -> None:
    assert (dna_embedder.kind, dna_embedder.width) == ("dna", 16)
    given = {"x": "acguNNTTTT"}
    mean, every = dna_embedder.embed(given), dna_embedder.embed(given, "none")
    assert not np.allclose(mean.values[0], every.values[0].mean(axis=0))
    # U is T, and case does not matter.
    same = dna_embedder.embed({"x": "ACGTNNTTTT"})
    np.testing.assert_array_equal(mean.values, same.values)


def test_all_ways_to_give_sequences_are_the_same(embedder: Embedder, tmp_path: Path) -> None:
    text = "".join(f">{name} more words\n{s}*\n" for name, s in PROTEINS.items())
    plain, packed = tmp_path / "p.faa", tmp_path / "p.faa.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    expected = embedder.embed(PROTEINS)
    for given in (plain, str(plain), packed, list(PROTEINS.items()), iter(PROTEINS.items())):
        result = embedder.embed(given)
        assert result.ids == list(PROTEINS)
        np.testing.assert_array_equal(result.values, expected.values)
        assert result.sequences_sha256 == expected.sequences_sha256
    unnamed = embedder.embed([s.lower() for s in PROTEINS.values()])
    assert unnamed.ids == ["sequence_1", "sequence_2", "sequence_3", "sequence_4"]
    np.testing.assert_array_equal(unnamed.values, expected.values)


def test_nothing_in_nothing_out(embedder: Embedder, tmp_path: Path) -> None:
    (tmp_path / "empty.fasta").touch()
    assert embedder.embed(tmp_path / "empty.fasta").values.shape == (0, 16)
    assert embedder.embed([], "cls").values.shape == (0, 16)
    nothing = embedder.embed({}, "none")
    assert nothing.values == []
    nothing.to_hdf5(tmp_path / "nothing.h5")
    assert read_embeddings(tmp_path / "nothing.h5").ids == []


@pytest.mark.parametrize("pooling", ["mean", "cls", "none"])
def test_files_hold_everything(embedder: Embedder, tmp_path: Path, pooling: str) -> None:
    result = embedder.embed(PROTEINS, pooling)
    assert len(result) == 4
    result.to_hdf5(tmp_path / "e.h5")
    read = read_embeddings(tmp_path / "e.h5")
    assert read.ids == result.ids
    assert (read.info.model, read.info.layer, read.info.pooling, read.info.precision) == (
        (embedder.name, 1, pooling, "fp32")
    )
    assert read.info.weights_sha256 == result.weights_sha256
    assert read.info.shard_sha256 == result.sequences_sha256
    for index, (name, values) in enumerate(result.by_id().items()):
        found = read.values[index]
        if read.offsets is not None:
            found = read.values[read.offsets[index] : read.offsets[index + 1]]
        assert name == read.ids[index]
        np.testing.assert_array_equal(found, values)
    assert (read.offsets is not None) is (pooling == "none")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "MKTAYIAK",
            "MKTAYIAK: there is no such file; check the path, or give sequences as a list",
        ),
        ("MKTAYIAK" * 100, "is not the path of a file (File name too long); check the path, or"),
        ("MK\0", "is not the path of a file (embedded null byte)"),
        (["MK", "MK1"], "record 2 (sequence_2): has '1' at letter 3, which is not an amino acid"),
        (["M-K"], "has '-' at letter 2, which is not an amino acid; remove the gaps"),
        (["M*K"], "has '*' at letter 2, which is not an amino acid; cut the sequence at its stop"),
        (["Mé"], "has 'é' at letter 2"),
        (["M\u03b1"], "has '\u03b1' at letter 2"),
        ([("x", "MK"), ("y", "")], "record 2 (y): has no letters"),
        ([("x", "MK"), ("y", "*")], "record 2 (y): has no letters"),
        ([("x", "MK"), ("x", "MK")], "record 2: the id x is that of record 1 again"),
        ([("x", "MK", "z")], "record 1: is tuple, neither a sequence nor an (id, sequence) pair"),
        ([7], "record 1: is int"),
        ({"x": None}, "record 1: is tuple"),
        (["ACGTTGCA" * 8], "looks like DNA: it has A, C, G and T and no other letter"),
    ],
)
def test_sequences_that_are_refused(embedder: Embedder, given: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        embedder.embed(given)
    assert message in str(caught.value)


def test_a_file_is_named_with_the_record(embedder: Embedder, tmp_path: Path) -> None:
    path = tmp_path / "p.fasta"
    path.write_text(">x\nMK\n>y\nMK\n>x\nMK\n")
    with pytest.raises(InputError, match=r"p\.fasta, record 3: the id x is that of record 1"):
        embedder.embed(path)


def test_proteins_that_look_like_dna(embedder: Embedder) -> None:
    # Short, or without one of the four: that happens.
    assert len(embedder.embed(["ACGTACGTAC", "GAGAGS" * 20, "GA" * 50])) == 3
    assert len(embedder.embed(["ACGT" * 20], allow_nucleotides=True)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "max"}, "no pooling 'max'; use mean, cls, none"),
        ({"layer": 2}, "has no layer 2; use 0 to 1"),
        ({"layer": -1}, "has no layer -1; use 0 to 1"),
    ],
)
def test_options_that_are_refused(embedder: Embedder, arguments: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        embedder.embed(["MK"], **arguments)


def test_models_that_are_refused(bundle: Path, tmp_path: Path) -> None:
    cases: list[tuple[object, dict, type[VirnucproError], str]] = [
        ("esm3", {}, BundleError, "esm3: there is no such model; give a directory"),
        (tmp_path, {}, BundleError, "config.json: cannot be read"),
        (bundle, {"encoder": "rna"}, UsageError, "no encoder 'rna'; use 'protein' or 'dna'"),
        (bundle, {"precision": "fp8"}, UsageError, "no precision 'fp8'; use auto, fp32"),
        (bundle, {"device": "tpu"}, UsageError, "no device 'tpu'"),
        (bundle, {"attention": "fast"}, UsageError, "no attention backend 'fast'"),
        (bundle / "tokenizer.json", {}, BundleError, "is a file; give the directory"),
    ]
    (tmp_path / "esm2.pt").touch()
    cases.append((tmp_path / "esm2.pt", {}, BundleError, "is a file of weights alone"))
    esm2 = write_esm2(tmp_path / "esm2")
    cases.append((esm2, {"encoder": "dna"}, UsageError, "esm2 is a protein encoder, a dna encoder"))
    for model, options, kind, message in cases:
        with pytest.raises(kind) as caught:
            Embedder.load(model, **options)
        assert message in str(caught.value)


def test_directories_of_hugging_face(tmp_path: Path) -> None:
    protein = Embedder.load(write_esm2(tmp_path / "esm2"), precision="fp32", device="cpu")
    assert repr(protein) == (
        "Embedder('esm2', kind='protein', width=16, n_layers=2, precision='fp32', device='cpu')"
    )
    assert protein.embed(PROTEINS).layer == 2
    dna = Embedder.load(str(write_dnabert_s(tmp_path / "dna")), precision="fp32", device="cpu")
    assert dna.embed(["ACGT"]).values.shape == (1, 16)


@pytest.mark.parametrize("pooling", ["mean", "cls", "none"])
def test_numbers_that_are_none_are_refused(bundle: Path, pooling: str) -> None:
    embedder = Embedder.load(bundle, precision="fp32", device="cpu")
    assert isinstance(embedder._encoder, Esm2)
    tryptophan = Esm2Tokenizer.alphabet.index("W")
    embedder._encoder.token_embedding.weight[tryptophan] = float("nan")
    with pytest.raises(NumericError, match=r"sequence (4 \()?d"):
        embedder.embed(PROTEINS, pooling)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_shows_when_it_is_wanted(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for pooling in ("mean", "cls"):
        embedder.embed(PROTEINS, pooling, progress=True)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "4/4" in captured.err
    embedder.embed(PROTEINS)
    assert capsys.readouterr().err == ""
    # In a terminal, but over in no time.
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    embedder.embed(PROTEINS)
    assert terminal.getvalue() == ""
    monkeypatch.setattr(_progress, "_QUIET_SECONDS", 0.0)
    embedder.embed(PROTEINS, progress=False)
    assert terminal.getvalue() == ""
    embedder.embed(PROTEINS)
    assert "4/4" in terminal.getvalue()


def test_the_short_import_is_there_and_costs_nothing() -> None:
    assert virnucpro_core.Embedder is Embedder
    with pytest.raises(AttributeError, match="no attribute 'Embeder'"):
        virnucpro_core.Embeder  # noqa: B018
    program = "import sys, virnucpro_core; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
