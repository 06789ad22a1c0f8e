"""``--task embed``: sequences in, one file of embeddings out, in input order."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.bundles import make_bundle
from tests.pipeline.running import Run, read_table, run_pipeline
from tests.unit.models.hugging_face import write_esm2
from virnucpro_core.embedding import Embedder

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

PROTEINS = {
    "zeta": "MKTAYIAKQR",
    "alpha": "GIVEQCCTSICSLYQLENYCN",
    "gone": "",
    "mid": "MSTNPKPQRKTKRNTNRRPQDVKFPGG",
    "same": "MKTAYIAKQR",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embed")
    make_bundle(folder / "model")
    write_esm2(folder / "esm2")
    text = "".join(f">{name} described\n{sequence}\n" for name, sequence in PROTEINS.items())
    (folder / "some proteins.faa").write_text(text)
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    given = ("--input", "some proteins.faa", "--model", "model", "--shard_frames", "2")
    run = run_pipeline(folder, "--task", "embed", *given, "--precision", "fp32")
    assert run.exit_code == 0, run.output
    return run


def test_the_file_holds_what_the_python_interface_gives(run: Run, folder: Path) -> None:
    embedded = {name: sequence for name, sequence in PROTEINS.items() if sequence}
    expected = Embedder.load(folder / "model", precision="fp32").embed(embedded)
    with h5py.File(run.outdir / "some_proteins" / "embeddings.h5") as file:
        assert [name.decode() for name in file["ids"]] == list(embedded)
        # Other batches, other rounding.
        np.testing.assert_allclose(file["embeddings"][:], expected.values, atol=1e-5)
        assert file.attrs["model"] == expected.model
        assert file.attrs["pooling"] == "mean"
        assert file.attrs["weights_sha256"] == expected.weights_sha256


def test_every_record_is_accounted_for(run: Run) -> None:
    rows = read_table(run.outdir / "some_proteins" / "sequences.tsv")
    assert [row["id"] for row in rows] == list(PROTEINS)
    assert [row["status"] for row in rows].count("embedded") == 4
    assert {row["id"]: row["reason"] for row in rows if row["status"] == "not-embedded"} == {
        "gone": "empty"
    }
    report = json.loads((run.outdir / "some_proteins" / "run.json").read_text())
    assert report["counts"] == {
        "records": 5,
        "embedded": 4,
        "not_embedded": 1,
        "letters": sum(map(len, PROTEINS.values())),
    }
    assert report["parameters"]["molecule"] == "protein"
    assert "threshold" not in report["parameters"]


def test_tasks_and_stages(run: Run) -> None:
    assert run.tasks() == sorted(
        [(name, "COMPLETED") for name in ("SHARD", "JOIN", "REPORT", "RUN_REPORT", "PRUNE")]
        + 2 * [("EMBED", "COMPLETED")]
    )
    summary = (run.outdir / "pipeline_info" / "stages.txt").read_text()
    done = [row[:28].strip() for row in summary.splitlines()[1:10] if "nothing to do" not in row]
    assert done == ["Protein File Splitting", "ESM-2 Feature Extraction", "Feature Merging"]
    versions = (run.outdir / "pipeline_info" / "software_versions.yml").read_text()
    assert versions.count("EMBED:") == 1


def test_a_model_as_hugging_face_lays_it_out_and_a_file_without_records(folder: Path) -> None:
    (folder / "none.fasta").touch()
    given = ("--input", "none.fasta", "--model", "esm2")
    run = run_pipeline(folder, "--task", "embed", *given, outdir="none")
    assert run.exit_code == 0, run.output
    with h5py.File(run.outdir / "none" / "embeddings.h5") as file:
        assert file["embeddings"].shape == (0, 16)
        assert file.attrs["model"] == "esm2"
    assert read_table(run.outdir / "none" / "sequences.tsv") == []


def test_dna_given_as_proteins_is_refused(folder: Path) -> None:
    (folder / "contigs.fasta").write_text(f">contig\n{'ACGTTGCA' * 20}\n")
    given = ("--input", "contigs.fasta", "--model", "model")
    run = run_pipeline(folder, "--task", "embed", *given, outdir="refused")
    assert run.exit_code != 0
    assert f"{folder / 'contigs.fasta'}, record 1 (contig): looks like DNA" in run.output
    assert "Traceback" not in run.output
    assert run.statuses().keys() == {"FAILED_SAMPLE", "SHARD"}
