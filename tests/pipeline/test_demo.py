"""The demonstration: reads and contigs of genomes that the bundled model has never seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.running import REPOSITORY, read_table, run_pipeline

_SURE = ("high", "medium")

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]


def test_the_bundled_model_tells_viruses_from_the_rest(tmp_path: Path) -> None:
    run = run_pipeline(tmp_path, profile="demo,test")
    assert run.exit_code == 0, run.output
    rows = read_table(run.outdir / "demo" / "sequences.tsv")
    truth = {row["id"]: row["label"] for row in read_table(REPOSITORY / "assets/demo/truth.tsv")}
    assert [row["id"] for row in rows] == list(truth)
    scorable = [row for row in rows if row["call"] != "not-scorable"]
    right: dict[str, list[bool]] = {label: [] for label in ("virus", "non-virus")}
    for row in scorable:
        label = truth[row["id"]]
        right[label].append(row["call"] == label)
    # Calling everything one or the other gives one half; there is room for a retrained model.
    rates = [sum(calls) / len(calls) for calls in right.values()]
    assert sum(rates) / 2 > 0.6, rates
    sure = [truth[r["id"]] for r in rows if r["call"] == "virus" and r["tier"] in _SURE]
    assert sure.count("virus") >= 10
    assert sure.count("virus") > 2 * sure.count("non-virus")
    page = (run.outdir / "demo" / "report.html").read_text()
    assert f"{len(sure)} of {len(rows)} records are called virus with confidence" in page
