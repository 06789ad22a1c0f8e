"""The pipeline with the reference engine: the calls of the packed one, and parts of its own."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path

import pytest

from tests.pipeline.running import REPOSITORY, read_table, run_pipeline
from virnucpro_core.store import read_embedding_info

pytestmark = [pytest.mark.slow, pytest.mark.pipeline, pytest.mark.long]

DEMO_READS = REPOSITORY / "assets" / "demo" / "reads.fasta.gz"


def test_the_reference_engine_calls_what_the_packed_one_calls(tmp_path: Path) -> None:
    with gzip.open(DEMO_READS, "rt") as reads:
        (tmp_path / "some.fasta").write_text("".join(islice(reads, 60)))
    calls, scores = {}, {}
    for engine in ("v1", "v2"):
        # --v1-fallback is the old name of --engine v1.
        given = ["--v1-fallback"] if engine == "v1" else ["--precision", "fp32"]
        run = run_pipeline(
            tmp_path, "--input", "some.fasta", "--save_embeddings", *given, outdir=engine
        )
        assert run.exit_code == 0, run.output
        assert ("--engine v1 is taken" in run.output) is (engine == "v1")
        sample = run.outdir / "some"
        calls[engine] = {row["id"]: row["call"] for row in read_table(sample / "sequences.tsv")}
        frames = read_table(sample / "prediction_results.txt")
        scores[engine] = [float(row["score2"]) for row in frames]
        parameters = json.loads((sample / "run.json").read_text())["parameters"]
        assert parameters["engine"] == engine
        versions = (run.outdir / "pipeline_info" / "software_versions.yml").read_text()
        assert ("fair-esm: 2.0.0" in versions) is (engine == "v1")
        for file in (sample / "embeddings").glob("*.h5"):
            info = read_embedding_info(file)
            assert (info.engine, info.precision) == (engine, "fp32")
    assert calls["v1"] == calls["v2"]
    assert set(calls["v1"].values()) >= {"virus", "non-virus"}
    assert scores["v1"] == pytest.approx(scores["v2"], abs=1e-4)
    assert scores["v1"] != scores["v2"]  # another way of computing rounds in another way
