"""The report of a run and what MultiQC takes up: every sample, with its counts and its link."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.browser import show
from virnucpro_core.cli import main
from virnucpro_core.reporting import STAGES, Stage, write_stages

COUNTS = {"records": 200, "virus": 30, "non_virus": 120, "not_scorable": 50, "bases": 60000,
          "chunks": 210, "uninformative_chunks": 21, "frames": 400}  # fmt: skip


def run_json(sample: str, counts: dict[str, int], **more: Any) -> dict[str, Any]:
    return {
        "sample": sample,
        "counts": counts,
        "bundle": {"name": "tested", "sha256": "b" * 64},
        "versions": {"virnucpro": "0.1.0", "torch": None, "python": "3.12.1"},
        **more,
    }


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two samples, one of them empty, and the stage tables of their tasks."""
    runs = [
        run_json("swab", COUNTS, virus_by_tier={"low": 20, "high": 10}),
        run_json("blank", dict.fromkeys(COUNTS, 0)),
    ]
    for run in runs:
        (tmp_path / "results" / run["sample"]).mkdir(parents=True)
        (tmp_path / "results" / run["sample"] / "run.json").write_text(json.dumps(run))
    (tmp_path / "stages").mkdir()
    for sample, seconds in (("swab", 12.0), ("blank", 0.5)):
        stages = [Stage(name, seconds, 10) for name in STAGES[:4]]
        write_stages(tmp_path / "stages" / f"PREPARE_{sample}.tsv", stages)
    return tmp_path / "results"


def report(results: Path, *options: str) -> Path:
    outdir = results.parent / "out"
    stages = results.parent / "stages"
    command = ["report", "samples", str(results), "--stages-dir", str(stages), *options]
    assert main([*command, "--outdir", str(outdir)]) == 0
    return outdir


def text_of(page: Path) -> str:
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", page.read_text(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def test_every_sample_has_its_row_and_its_link(results: Path) -> None:
    page = report(results) / "report.html"
    assert '<a href="swab/report.html">swab</a>' in page.read_text()
    text = text_of(page)
    assert "2 samples, 200 records, 30 of them called virus." in text
    # Virus, of them high and low, share, non-virus, not scorable, records, bases, windows, those
    # without information.
    assert "swab 30 10 20 0.15 120 50 200 60,000 210 21" in text
    assert "blank 0 – – – 0 0 0 0 0 0" in text
    assert "Six-Frame Translation 12.5 25.0% 20 0" in text


def test_embedded_samples_have_no_calls(results: Path) -> None:
    for folder in results.iterdir():
        counts = {"records": 9, "embedded": 8, "not_embedded": 1, "letters": 77}
        (folder / "run.json").write_text(json.dumps(run_json(folder.name, counts)))
    outdir = report(results)
    assert "swab 8 77 1 9" in text_of(outdir / "report.html")
    assert not (outdir / "multiqc" / "virnucpro_calls_mqc.json").exists()


def test_samples_without_results_are_named(results: Path, tmp_path: Path) -> None:
    (tmp_path / "given.txt").write_text("cut\nswab\nlost\nblank\n")
    (tmp_path / "cut.failure.json").write_text('{"sample": "cut", "error": "cut.fq: ends <early>"}')
    options = ("--given", str(tmp_path / "given.txt"), "--failures-dir", str(tmp_path))
    outdir = report(results, *options)
    text = text_of(outdir / "report.html")
    assert "2 samples, 200 records, 30 of them called virus; 2 more failed." in text
    assert "cut cut.fq: ends <early> lost one of its tasks failed; the last lines" in text
    section = json.loads((outdir / "multiqc" / "virnucpro_failed_mqc.json").read_text())
    assert list(section["data"]) == ["cut", "lost"]
    assert section["data"]["cut"] == {"reason": "cut.fq: ends <early>"}


def test_a_folder_without_results_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "samples", str(tmp_path), "--outdir", str(tmp_path)]) == 3
    assert "no folder in it has a run.json; give the folder" in capsys.readouterr().err


def test_another_json_is_refused(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "swab" / "run.json").write_text('{"sample": "swab"}')
    assert main(["report", "samples", str(results), "--outdir", str(results)]) == 3
    assert "swab/run.json: is not a run.json (KeyError('counts') is missing)" in (
        capsys.readouterr().err
    )


def test_what_multiqc_takes_up(results: Path) -> None:
    folder = report(results) / "multiqc"
    assert sorted(path.name for path in folder.iterdir()) == [
        "virnucpro_calls_mqc.json",
        "virnucpro_general_mqc.json",
        "virnucpro_mqc_versions.yml",
        "virnucpro_stages_mqc.json",
        "virnucpro_tiers_mqc.json",
    ]
    general = json.loads((folder / "virnucpro_general_mqc.json").read_text())
    assert general["data"]["swab"] == {
        "virus": 30, "virus_percent": 15.0, "not_scorable_percent": 25.0,
        "uninformative_percent": 10.0, "records": 200,
    }  # fmt: skip
    tiers = json.loads((folder / "virnucpro_tiers_mqc.json").read_text())
    assert tiers["data"] == {"swab": {"high": 10, "low": 20}, "blank": {"high": 0, "low": 0}}


@pytest.mark.slow
def test_multiqc_shows_all_of_it(results: Path, tmp_path: Path) -> None:
    program = shutil.which("multiqc")
    if program is None:
        pytest.skip("needs multiqc on PATH")
    (tmp_path / "given.txt").write_text("lost\n")
    folder = report(results, "--given", str(tmp_path / "given.txt")) / "multiqc"
    command = [program, str(folder), "--outdir", str(tmp_path / "mqc"), "--strict", "--no-ansi"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    data = json.loads((tmp_path / "mqc" / "multiqc_data" / "multiqc_data.json").read_text())
    plots = set(data["report_plot_data"])
    names = {"virnucpro_calls", "virnucpro_tiers", "virnucpro_stages"}
    assert {f"{name}_plot" for name in names} <= plots
    assert "virus_percent" in json.dumps(data["report_general_stats_data"])
    page = (tmp_path / "mqc" / "multiqc_report.html").read_text()
    assert "VirNucPro-NF" in page
    assert "VirNucPro: confidence" in page
    assert "one of its tasks failed" in page


@pytest.mark.slow
def test_a_browser_draws_the_run_report_without_complaint(results: Path, tmp_path: Path) -> None:
    shown = show(report(results) / "report.html", tmp_path)
    assert shown.console == []
    assert shown.document.count('class="marks"') == 2
