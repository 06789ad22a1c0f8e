"""``--task train``: from genomes to a model that predicts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.genomes import make_genomes
from tests.pipeline.running import READS, REPOSITORY, Run, read_table, run_pipeline
from virnucpro_core.models import load_bundle

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]

TRAIN = (
    "--task", "train", "--windows", "200", "--shortest_window", "60", "--longest_window", "120",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    make_genomes(folder / "genomes")
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Run:
    run = run_pipeline(folder, *TRAIN, "--input", "genomes", "--sample", "mine")
    assert run.exit_code == 0, run.output
    return run


def test_genomes_become_a_model_with_its_evaluation(trained: Run) -> None:
    results = trained.outdir / "mine"
    assert sorted(path.name for path in results.iterdir()) == [
        "dataset", "evaluation.html", "evaluation.json", "model", "run.json",
    ]  # fmt: skip
    assert sorted(path.name for path in (results / "dataset").iterdir()) == [
        "dataset.json", "genomes.tsv", "overlap.tsv", "windows.tsv",
    ]  # fmt: skip
    bundle = load_bundle(results / "model")
    bundle.verify()
    assert bundle.name == "mine"
    demo = load_bundle(REPOSITORY / "assets" / "models" / "demo")
    assert bundle.protein.weights_sha256 == demo.protein.weights_sha256
    evaluation = json.loads((results / "evaluation.json").read_text())
    assert evaluation["schema_version"] == 1
    assert evaluation["bundle"]["sha256"] == bundle.sha256
    windows = read_table(results / "dataset" / "windows.tsv")
    tested = sum(window["split"] == "test" for window in windows)
    rows = evaluation["by_window_length"].values()
    assert sum(row["windows"] + row["not_scorable"] for row in rows) == tested
    run = json.loads((results / "run.json").read_text())
    assert run["counts"]["test"] == tested
    assert run["parameters"]["fit"] == {"recipe": "default", "seed": 1}
    assert "Total wall time: 00:" in trained.output
    assert trained.statuses()["TRAIN_FIT"] == {"COMPLETED"}


def test_another_recipe_fits_on_the_embeddings_that_are_there(folder: Path, trained: Run) -> None:
    again = run_pipeline(
        folder, *TRAIN, "--input", "genomes", "--sample", "mine", "--recipe", "authors", "-resume",
        outdir="authors",
    )  # fmt: skip
    assert again.exit_code == 0, again.output
    statuses = again.statuses()
    for process in ("TRAIN_DATA", "EMBED_DNA", "EMBED_PROTEIN"):
        assert statuses[process] == {"CACHED"}
    assert statuses["TRAIN_FIT"] == {"COMPLETED"}
    recipe = load_bundle(again.outdir / "mine" / "model").spec.training["recipe"]
    assert (recipe["name"], recipe["optimizer"]) == ("authors", "sgd")


def test_a_trained_model_predicts(folder: Path, trained: Run) -> None:
    model = trained.outdir / "mine" / "model"
    run = run_pipeline(folder, "--input", READS, "--model", model, outdir="predicted")
    assert run.exit_code == 0, run.output
    assert len(read_table(run.outdir / "reads" / "sequences.tsv")) == 24


def test_a_sheet_may_name_files_of_one_name_in_several_folders(folder: Path) -> None:
    sheet = folder / "sheet" / "genomes.csv"
    sheet.parent.mkdir()
    lines = ["file,label,name"]
    for kind, label in (("viral", "virus"), ("cellular", "others")):
        for number, file in enumerate(sorted((folder / "genomes" / kind).iterdir())):
            place = sheet.parent / f"{kind}{number}" / "genome.fasta.gz"
            place.parent.mkdir()
            shutil.copy(file, place)
            lines.append(f"{place.relative_to(sheet.parent)},{label},{kind} {number}")
    sheet.write_text("\n".join(lines) + "\n")
    run = run_pipeline(folder, *TRAIN, "--input", sheet, "-stub-run", outdir="sheet_stub")
    assert run.exit_code == 0, run.output
    assert (run.outdir / "genomes" / "model" / "bundle.json").exists()
    rule = ("--frame_rule", "longest")
    whole = run_pipeline(folder, *TRAIN, "--input", sheet, *rule, outdir="sheet_results")
    assert whole.exit_code == 0, whole.output
    made = whole.outdir / "genomes" / "model" / "bundle.json"
    assert json.loads(made.read_text())["frame_rule"] == "longest"
    windows = read_table(whole.outdir / "genomes" / "dataset" / "windows.tsv")
    assert min(int(row["n_frames"]) for row in windows) == 1
    genomes = read_table(whole.outdir / "genomes" / "dataset" / "genomes.tsv")
    assert {row["genome"] for row in genomes} == {
        f"{kind} {n}" for kind in ("viral", "cellular") for n in range(6)
    }
