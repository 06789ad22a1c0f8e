"""``virnucpro shard``, ``embed`` and ``join``: whole sequences to one file of embeddings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bundles import make_bundle
from virnucpro_core.cli import main
from virnucpro_core.reporting import read_stages
from virnucpro_core.store import SetAside, read_embeddings, write_embeddings

FASTA = ">b x\nMKTAYIAKQR*\n>gone\n\n>a\nGIVEQCC\n>c\nMKWVTF\n"


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards and their embeddings."""
    folder = tmp_path_factory.mktemp("whole")
    model = make_bundle(folder / "model")
    (folder / "p.faa").write_text(FASTA)
    words = ("--sample", "p", "--molecule", "protein", "--shard-frames", 2, "--outdir", folder)
    assert run("shard", folder / "p.faa", *words, "--stages", folder / "shard.tsv") == 0
    for number in (1, 2):
        shard = folder / "shards" / f"p.shard_0000{number}.h5"
        words = ("--encoder", "protein", "--model", model, "--output", folder / f"e{number}.h5")
        assert run("embed", shard, *words, "--precision", "fp32", "--attention", "sdpa") == 0
    return folder


def join(folder: Path, output: Path, *parts: str) -> int:
    words = ("--records", folder / "p.records.h5", "--output", output / "embeddings.h5")
    table = ("--table", output / "sequences.tsv", "--stages", output / "join.tsv")
    return run("join", *(folder / part for part in parts), *words, *table)


def test_parts_are_joined_in_input_order(folder: Path, tmp_path: Path) -> None:
    assert join(folder, tmp_path, "e1.h5", "e2.h5") == 0
    joined = read_embeddings(tmp_path / "embeddings.h5")
    parts = [read_embeddings(folder / name) for name in ("e1.h5", "e2.h5")]
    assert joined.ids == ["b", "a", "c"]
    np.testing.assert_array_equal(joined.values, np.concatenate([p.values for p in parts]))
    assert joined.info.weights_sha256 == parts[0].info.weights_sha256
    assert joined.info.shard_sha256 not in [part.info.shard_sha256 for part in parts]
    assert (tmp_path / "sequences.tsv").read_text().splitlines() == [
        "id\tlength\tstatus\treason",
        "b\t10\tembedded\tNA",
        "gone\t0\tnot-embedded\tempty",
        "a\t7\tembedded\tNA",
        "c\t6\tembedded\tNA",
    ]
    (stage,) = read_stages(tmp_path / "join.tsv")
    assert (stage.name, stage.sequences) == ("Feature Merging", 3)
    (stage,) = read_stages(folder / "shard.tsv")
    assert (stage.name, stage.sequences) == ("Protein File Splitting", 3)


@pytest.mark.parametrize(
    "parts", [("e2.h5", "e1.h5"), ("e1.h5",), ("e2.h5",), ("e1.h5", "e2.h5", "e2.h5")]
)
def test_other_parts_than_those_of_the_sample_are_refused(
    folder: Path, tmp_path: Path, parts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert join(folder, tmp_path, *parts) == 3
    assert "the embeddings are not those of these records" in capsys.readouterr().err
    assert not (tmp_path / "sequences.tsv").exists()


def test_parts_of_two_models_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_bundle(tmp_path / "other", seed=1)
    shard = folder / "shards" / "p.shard_00002.h5"
    words = ("--encoder", "protein", "--model", other, "--output", folder / "other.h5")
    assert run("embed", shard, *words) == 0
    assert join(folder, tmp_path, "e1.h5", "other.h5") == 3
    assert "other.h5: was made in another way than e1.h5" in capsys.readouterr().err


def test_the_other_encoder_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = folder / "shards" / "p.shard_00001.h5"
    words = ("--encoder", "dna", "--model", folder / "model", "--output", tmp_path / "e.h5")
    assert run("embed", shard, *words) == 2
    assert "the shard has no nucleotides" in capsys.readouterr().err


def test_another_molecule_is_refused(folder: Path, tmp_path: Path) -> None:
    words = ("--sample", "p", "--molecule", "rna", "--outdir", tmp_path)
    assert run("shard", folder / "p.faa", *words) == 2


@pytest.mark.parametrize(("option", "value"), [("--attention", "xformers"), ("--precision", "fp8")])
def test_embed_names_the_choices(
    folder: Path, tmp_path: Path, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = folder / "shards" / "p.shard_00001.h5"
    words = ("--encoder", "protein", "--model", folder / "model", "--output", tmp_path / "e.h5")
    assert run("embed", shard, *words, option, value) == 2
    assert f"{option} is '{value}'" in capsys.readouterr().err


def test_a_record_that_was_set_aside_is_named(folder: Path, tmp_path: Path) -> None:
    first = read_embeddings(folder / "e1.h5")
    first.values[1] = np.nan
    set_aside = np.array([SetAside.EMBEDDED, SetAside.NOT_FINITE], dtype=np.uint8)
    write_embeddings(replace(first, set_aside=set_aside), tmp_path / "e1.h5")
    (tmp_path / "e2.h5").write_bytes((folder / "e2.h5").read_bytes())
    (tmp_path / "p.records.h5").write_bytes((folder / "p.records.h5").read_bytes())
    assert join(tmp_path, tmp_path, "e1.h5", "e2.h5") == 0
    rows = (tmp_path / "sequences.tsv").read_text().splitlines()
    assert rows[3] == "a\t7\tnot-embedded\tembedding is not finite"
    joined = read_embeddings(tmp_path / "embeddings.h5")
    assert joined.is_embedded.tolist() == [True, False, True]
