"""``--task benchmark``: a suite in, its report out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.running import REPOSITORY, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline, pytest.mark.long]

MODEL = REPOSITORY / "assets" / "models" / "demo"


WORDS = ("--task", "benchmark", "--suite", "equivalence", "--quick", "--model", MODEL)


def test_a_suite_leaves_its_report(tmp_path: Path) -> None:
    run = run_pipeline(tmp_path, *WORDS)
    assert run.exit_code == 0, run.output
    assert "Report: results/benchmarks/equivalence.html" in run.output
    reports = run.outdir / "benchmarks"
    assert sorted(path.name for path in reports.iterdir()) == [
        "equivalence.html", "equivalence.json", "equivalence.md",
    ]  # fmt: skip
    report = json.loads((reports / "equivalence.json").read_text())
    assert report["suite"] == "equivalence"
    assert report["settings"]["model"] == "demo"
    assert report["settings"]["input"] == "reads.fasta.gz"
    assert all(check["passed"] for check in report["checks"])
    assert (run.outdir / "pipeline_info" / "software_versions.yml").read_text().count("torch") == 1


def test_a_suite_is_measured_anew_at_every_run(tmp_path: Path) -> None:
    for _ in range(2):
        run = run_pipeline(tmp_path, *WORDS, "-stub-run", "-resume")
        assert run.exit_code == 0, run.output
        assert run.tasks() == [("BENCHMARK", "COMPLETED")]
