"""The command, with a bundle of random weights and a peer that counts letters."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.peers.__main__ import main
from tests.bundles import CALIBRATION, make_bundle
from tests.genomes import make_genomes
from virnucpro_core.training import DatasetSettings, WindowSettings, make_dataset


@pytest.fixture
def genomes(tmp_path: Path) -> Path:
    return make_genomes(tmp_path / "genomes", per_class=4, bases=2_000)


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the fake peer was called for."""
    path = tmp_path / "calls"
    path.touch()
    monkeypatch.setenv("FAKE_PEER_CALLS", str(path))
    return path


@pytest.fixture
def python(tmp_path: Path, calls: Path) -> Path:
    """The fake peer's Python."""
    path = tmp_path / "python"
    program = Path(__file__).with_name("fake_python.py")
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def compare(genomes: Path, tmp_path: Path) -> Callable[..., int]:
    def run(*words: str | Path) -> int:
        lengths = ("--length", "150", "--length", "400")
        return main([str(genomes), str(tmp_path / "out"), "--per-genome", "3", *lengths,
                     *map(str, words)])  # fmt: skip

    return run


def table(tmp_path: Path, name: str) -> list[dict[str, str]]:
    with (tmp_path / "out" / f"{name}.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_bundle_baseline_and_peer_are_judged_on_the_same_windows(
    compare: Callable[..., int],
    genomes: Path,
    tmp_path: Path,
    python: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = make_bundle(tmp_path / "bundle", calibration=CALIBRATION)
    settings = DatasetSettings(WindowSettings(200, shortest=150, longest=400))
    make_dataset(genomes, tmp_path / "dataset", settings, lambda line: None)
    words = ["--bundle", bundle, "--kmers", tmp_path / "dataset", "--peer", f"jaeger={python}"]
    assert compare(*words) == 0
    printed = capsys.readouterr().out
    rows = {(row["tool"], row["length"]): row for row in table(tmp_path, "by_length")}
    tools = {tool for tool, _ in rows}
    name = json.loads((bundle / "bundle.json").read_text())["name"]
    assert tools == {name, f"{name} at prevalence 0.5", "k-mer logistic regression", "Jaeger"}
    assert {row["windows"] for row in rows.values()} == {"24"}
    assert float(rows["k-mer logistic regression", "400"]["auc"]) > 0.9
    # The made-up viruses have more of A than of T; the peer has no answer for 150 bases.
    assert float(rows["Jaeger", "400"]["auc"]) > 0.9
    assert rows["Jaeger", "150"]["no_answer"] == "1.0"
    assert rows["Jaeger", "150"]["auc"] == "0.5"
    assert rows["Jaeger", "150"]["calibration_error"] == "NA"
    # A record longer than the bundle's window has a tier from all its windows.
    tiers = table(tmp_path, "tiers")
    assert sum(int(row["windows"]) for row in tiers if row["length"] == "400") == 2 * 24
    assert {row["tool"] for row in tiers} == {name, f"{name} at prevalence 0.5"}
    document = json.loads((tmp_path / "out" / "peers.json").read_text())
    assert set(document["missing"]) == {"DeepVirFinder", "DeepMicroClass", "Seeker"}
    assert "**Missing**: Seeker: not given: --peer seeker=PYTHON" in printed
    page = (tmp_path / "out" / "peers.md").read_text()
    assert page.startswith(printed.rstrip("\n"))
    assert f"## {name}: share called rightly by genome, worst first" in page


def test_bundles_of_one_name_are_told_apart_by_where_they_are(
    compare: Callable[..., int], tmp_path: Path
) -> None:
    bundles = [tmp_path / "calibrated", tmp_path / "bare"]
    make_bundle(bundles[0], calibration=CALIBRATION)
    make_bundle(bundles[1])
    words = [word for bundle in bundles for word in ("--bundle", bundle)]
    assert compare(*words, "--prevalence", "auto") == 0
    rows = table(tmp_path, "by_length")
    name = json.loads((bundles[0] / "bundle.json").read_text())["name"]
    assert {row["tool"] for row in rows} == {f"{name} ({bundle})" for bundle in bundles}
    # Without a calibration there is no probability.
    bare = [row for row in rows if str(bundles[1]) in row["tool"]]
    assert {row["calibration_error"] for row in bare} == {"NA"}


def test_scores_that_are_there_are_not_computed_again(
    compare: Callable[..., int], python: Path, calls: Path, tmp_path: Path
) -> None:
    words = ["--peer", f"jaeger={python}"]
    assert compare(*words) == 0
    first = table(tmp_path, "by_length")
    assert compare(*words) == 0
    assert calls.read_text().split() == ["150", "400"]
    assert table(tmp_path, "by_length") == first
    # Other windows are other questions, and so is another environment.
    assert compare(*words, "--seed", "2") == 0
    assert len(calls.read_text().split()) == 4
    assert compare(*words, "--seed", "2", "--weights", f"jaeger={tmp_path}") == 0
    assert len(calls.read_text().split()) == 6


@pytest.mark.parametrize(
    ("manner", "exit_code", "reason"),
    [
        ("lacks", 0, "No module named 'peer'"),
        ("fails", 1, "failed with exit code 1: ValueError: no such thing"),
        ("strange", 1, "gave no answers that can be read (other is none of the windows)"),
    ],
)
def test_a_peer_that_gives_nothing_is_named(
    compare: Callable[..., int],
    python: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    manner: str,
    exit_code: int,
    reason: str,
) -> None:
    monkeypatch.setenv("FAKE_PEER_MANNER", manner)
    assert compare("--peer", f"seeker={python}") == exit_code
    missing = json.loads((tmp_path / "out" / "peers.json").read_text())["missing"]
    assert reason in missing["Seeker"]
    assert not (tmp_path / "out" / "by_length.tsv").exists()


def test_a_python_that_is_not_there_is_named(compare: Callable[..., int], tmp_path: Path) -> None:
    assert compare("--peer", f"seeker={tmp_path / 'nowhere'}") == 0
    missing = json.loads((tmp_path / "out" / "peers.json").read_text())["missing"]
    assert "cannot be started" in missing["Seeker"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--peer", "genomad=python3"], "there is no peer 'genomad'"),
        (["--peer", "seeker"], "--peer is 'seeker'"),
        (["--weights", "seeker=folder"], "there are weights for seeker and no Python"),
        (["--bundle", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(
    compare: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: str,
) -> None:
    assert compare(*words) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert told in last


def test_damaged_scores_are_told(
    compare: Callable[..., int], python: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare("--peer", f"jaeger={python}") == 0
    path = tmp_path / "out" / "scores" / "Jaeger" / "400.tsv"
    path.write_text(path.read_text().replace("0.", "x."))
    assert compare("--peer", f"jaeger={python}") == 3
    assert "cannot be read as scores" in capsys.readouterr().err
