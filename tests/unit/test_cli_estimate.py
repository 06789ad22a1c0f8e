"""``virnucpro estimate``: a table, nothing written, one line for what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bundles import make_bundle
from virnucpro_core.cli import main

READS = Path(__file__).parents[1] / "data" / "reads.fasta"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("model") / "bundle")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs, with a folder for its temporary files."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: object) -> int:
    return main(["estimate", "--threads", "1", *map(str, words)])


def test_the_samples_of_a_sheet_are_summed_and_nothing_is_left(
    folder: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.fa", "b.fa"):
        (folder / name).write_bytes(READS.read_bytes())
    (folder / "sheet.csv").write_text("sample,file\na,a.fa\nb,b.fa\n")
    assert run("--sheet", "sheet.csv", "--model", model) == 0
    out = capsys.readouterr().out
    assert "2 samples: 48 records of 19,570 bases" in out
    assert "Expected time:   00:0" in out
    assert "Expected memory: " in out
    left = {path.name for path in folder.rglob("*") if path.is_file()}
    assert left == {"a.fa", "b.fa", "sheet.csv"}


def test_frames_are_counted_by_the_models_rule_or_the_one_that_is_asked_for(
    folder: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partial = make_bundle(folder / "partial", frame_rule="longest")
    counted = {}
    for name, words in {
        "complete": (model,), "longest": (partial,), "asked": (model, "--frame-rule", "longest")
    }.items():  # fmt: skip
        assert run(READS, "--model", *words) == 0
        output = capsys.readouterr()
        counted[name] = output.out.splitlines()[0].rpartition("windows, ")[2]
        assert ("frames were found by the rule" in output.err) is (name == "asked")
    assert counted == {
        "complete": "35 frames (all read)",
        "longest": "52 frames (all read)",
        "asked": "52 frames (all read)",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent.fa"], "absent.fa: there is no such file; check the path"),
        (["-"], "standard input can be read once only; name a file"),
        (["bad.fa"], "bad.fa, record 1 (a): has 'E' at base 2"),
        ([], "give either the files of one sample or a --sheet"),
        ([READS, "--device", "gpu"], "no device 'gpu'; use auto, cpu, cuda or cuda:N"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    folder: Path,
    model: Path,
    words: list[object],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "bad.fa").write_text(">a\nAEC\n")
    assert run(*words, "--model", model) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if "error" in x]
    assert message in line
    assert list((folder / "temporary").iterdir()) == []
