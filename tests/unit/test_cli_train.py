"""``virnucpro train`` and ``virnucpro model evaluate`` from genomes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.genomes import make_genomes
from virnucpro_core.cli import main
from virnucpro_core.models import load_bundle

pytestmark = pytest.mark.slow

WINDOWS = ("--windows", "150", "--shortest", "60", "--longest", "90")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    make_genomes(folder / "genomes", bases=3_000)
    make_bundle(folder / "base")
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    """What ``train run`` made."""
    assert main(run_command(folder)) == 0
    return folder / "out"


def run_command(folder: Path, *more: str) -> list[str]:
    return [
        "train", "run", str(folder / "genomes"), "--model", str(folder / "base"),
        "--output", str(folder / "out"), "--threads", "1", *WINDOWS, *more,
    ]  # fmt: skip


def test_a_run_leaves_a_bundle_and_its_evaluation(folder: Path, trained: Path) -> None:
    bundle = load_bundle(trained / "out-default")
    assert bundle.name == "out-default"
    document = json.loads((trained / "out-default.evaluation" / "evaluation.json").read_text())
    assert document["schema_version"] == 1
    assert document["bundle"]["sha256"] == bundle.sha256
    page = (trained / "out-default.evaluation" / "evaluation.html").read_text()
    assert "How good out-default is" in page
    assert "k-mer logistic regression" in page


def test_a_second_recipe_takes_the_embeddings_and_the_steps_alone_give_the_same_bundle(
    folder: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(run_command(folder, "--recipe", "authors")) == 0
    output = capsys.readouterr().out
    assert output.count("there already") == 3
    assert load_bundle(trained / "out-authors").spec.training["recipe"]["name"] == "authors"
    alone = [
        "train", "fit", str(trained / "dataset"), "--dna", str(trained / "embeddings" / "dna"),
        "--protein", str(trained / "embeddings" / "protein"), "--model", str(folder / "base"),
        "--output", str(folder / "alone"), "--name", "out-default",
    ]  # fmt: skip
    assert main(alone) == 0
    assert load_bundle(folder / "alone").sha256 == load_bundle(trained / "out-default").sha256


def test_other_windows_and_other_genomes_in_the_same_folder_are_refused(
    folder: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(run_command(folder, "--name", "new", "--seed", "2")) == 2
    assert "dataset: was made with other settings; give the same" in capsys.readouterr().err
    shutil.copytree(folder / "genomes", folder / "more")
    shutil.copy(
        folder / "more" / "viral" / "viral0.fasta.gz", folder / "more" / "viral" / "x.fa.gz"
    )
    command = run_command(folder, "--name", "new")
    command[2] = str(folder / "more")
    assert main(command) == 2
    assert "dataset: was made of other genomes: it has no x, which" in capsys.readouterr().err
    assert main(run_command(folder)) == 2
    assert "out-default: exists already; give another --name" in capsys.readouterr().err


def test_evaluating_a_bundle_warns_of_genomes_that_it_was_trained_on(
    folder: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_genomes(folder / "unseen", per_class=2, bases=2_000, seed=99)
    for genomes, leaks in (("genomes", True), ("unseen", False)):
        command = [
            "model", "evaluate", str(trained / "out-default"), str(folder / genomes),
            "--output", str(folder / f"{genomes}.evaluation"), "--windows", "60", "--threads", "1",
        ]  # fmt: skip
        assert main(command) == 0
        warning = "genomes judged were used for out-default (its training)"
        assert (warning in capsys.readouterr().err) is leaks
    document = json.loads((folder / "unseen.evaluation" / "evaluation.json").read_text())
    assert document["by_class"]["virus"]["windows"] > 0
    assert document["baseline"] == {}
    assert set(document["by_genome"]) == {"viral0", "viral1", "cellular0", "cellular1"}


def test_a_run_takes_the_frame_rule_of_its_model_and_an_evaluation_that_of_its_bundle(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_bundle(tmp_path / "partial", frame_rule="longest")
    train = [
        "train", "run", str(folder / "genomes"), "--model", str(tmp_path / "partial"),
        "--output", str(tmp_path / "out"), "--threads", "1", *WINDOWS,
    ]  # fmt: skip
    assert main(train) == 0
    bundle = tmp_path / "out" / "out-default"
    assert load_bundle(bundle).frame_rule == "longest"
    evaluate = [
        "model", "evaluate", str(bundle), str(folder / "genomes"), "--windows", "60",
        "--threads", "1", "--output",
    ]  # fmt: skip
    capsys.readouterr()
    assert main([*evaluate, str(tmp_path / "own")]) == 0
    assert "frames were found" not in capsys.readouterr().err
    assert main([*evaluate, str(tmp_path / "other"), "--frame-rule", "complete"]) == 0
    told = "frames were found by the rule 'complete', but the model's classifier was trained"
    assert told in capsys.readouterr().err
    documents = {
        name: json.loads((tmp_path / name / "evaluation.json").read_text())
        for name in ("own", "other")
    }
    assert [d["data"]["frame_rule"] for d in documents.values()] == ["longest", "complete"]
    lost = [sum(row["not_scorable"] for row in d["by_class"].values()) for d in documents.values()]
    assert lost[0] == 0 < lost[1]
    assert main([*train, "--name", "new", "--frames", "cds"]) == 2
    assert "are complete ones, and the frame rule is longest" in capsys.readouterr().err


def test_an_evaluation_goes_on_with_what_is_there(
    folder: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "model", "evaluate", str(trained / "out-default"), str(folder / "genomes"),
        "--output", str(tmp_path / "out"), "--windows", "60", "--threads", "1",
    ]  # fmt: skip
    assert main(command) == 0
    first = (tmp_path / "out" / "evaluation.json").read_text()
    (tmp_path / "out" / "evaluation.json").unlink()
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().out.count("there already") == 3
    assert (tmp_path / "out" / "evaluation.json").read_text() == first


def test_a_folder_without_embeddings_is_refused(
    folder: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "train", "fit", str(trained / "dataset"), "--dna", str(tmp_path), "--protein",
        str(tmp_path), "--model", str(folder / "base"), "--output", str(tmp_path / "new"),
    ]  # fmt: skip
    assert main(command) == 2
    assert "holds no .h5 file; name files of 'virnucpro embed'" in capsys.readouterr().err
