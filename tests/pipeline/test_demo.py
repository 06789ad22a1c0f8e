"""The demonstration: real genomes that the bundled model has never seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.running import REPOSITORY, read_table, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]


def test_the_bundled_model_tells_viruses_from_the_rest(tmp_path: Path) -> None:
    run = run_pipeline(tmp_path, profile="demo,test")
    assert run.exit_code == 0, run.output
    rows = read_table(run.outdir / "demo" / "sequences.tsv")
    truth = {row["id"]: row["label"] for row in read_table(REPOSITORY / "assets/demo/truth.tsv")}
    assert [row["id"] for row in rows] == list(truth)
    scorable = [row for row in rows if row["call"] != "not-scorable"]
    virus = [row for row in scorable if truth[row["id"]] == "virus"]
    other = [row for row in scorable if truth[row["id"]] == "non-virus"]
    # Far from chance (one half), with room for a retrained demonstration model.
    assert sum(row["call"] == "virus" for row in virus) > 0.75 * len(virus)
    assert sum(row["call"] == "non-virus" for row in other) > 0.5 * len(other)
