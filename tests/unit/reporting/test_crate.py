"""A results folder as an RO-Crate, made without a network."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from virnucpro_core.cli import main
from virnucpro_core.errors import StoreError
from virnucpro_core.reporting import write_crate

TRACE = """\
task_id\tprocess\ttag\tstatus\tsubmit\tcomplete\trealtime
1\tPREPARE\tlake\tCOMPLETED\t1760000000000\t1760000060000\t60000
2\tREPORT\tlake\tCOMPLETED\t1760000100000\t1760000120000\t20000
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    pytest.importorskip("rocrate", reason="needs the extra 'crate'")
    for sample in ("lake", "river"):
        folder = tmp_path / "results" / sample
        folder.mkdir(parents=True)
        (folder / "sequences.tsv").write_text("id\tcall\n")
        (folder / "viral.fasta.gz").write_bytes(b"\x1f\x8b")
        run = {
            "sample": sample,
            "counts": {"records": 0, "virus": 0},
            "bundle": {"name": "demo", "sha256": "b" * 64},
            "inputs": [{"name": f"{sample}.fq", "bytes": 7, "sha256": "a" * 64}],
            "parameters": {"input": "sheet.csv", "fdr": None, "threshold": 0.5},
            "versions": {"virnucpro": "0.1.0", "nextflow": "24.10.0"},
            "command": ["nextflow", "run", "main.nf"],
        }
        (folder / "run.json").write_text(json.dumps(run))
    (tmp_path / "results" / "pipeline_info").mkdir()
    (tmp_path / "results" / "pipeline_info" / "trace.txt").write_text(TRACE)
    (tmp_path / "main.nf").write_text("workflow {}\n")
    return tmp_path / "results"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def entities(results: Path) -> dict[str, dict[str, Any]]:
    document = json.loads((results / "ro-crate-metadata.json").read_text())
    assert document["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    return {entity["@id"]: entity for entity in document["@graph"]}


@pytest.mark.usefixtures("no_network")
def test_a_crate_names_files_inputs_model_parameters_and_workflow(results: Path) -> None:
    write_crate(results, results.parent / "main.nf")
    found = entities(results)
    root, run = found["./"], found["#run"]
    assert {"@id": "https://w3id.org/ro/wfrun/workflow/0.5"} in root["conformsTo"]
    assert root["mainEntity"] == {"@id": "pipeline_info/main.nf"}
    assert root["mentions"] == [{"@id": "#run"}]
    assert run["@type"] == "CreateAction"
    assert run["instrument"] == {"@id": "pipeline_info/main.nf"}
    assert run["startTime"] == "2025-10-09T08:53:20+00:00"
    assert run["endTime"] == "2025-10-09T08:55:20+00:00"
    results_of_run = {each["@id"] for each in run["result"]}
    assert {
        "lake/sequences.tsv",
        "river/viral.fasta.gz",
        "pipeline_info/trace.txt",
    } < results_of_run
    given = {each["@id"] for each in run["object"]}
    assert {"#lake/lake.fq", "#river/river.fq", "#model", "#parameter-threshold"} < given
    assert "#parameter-fdr" not in given
    assert found["#lake/lake.fq"]["sha256"] == "a" * 64
    assert found["lake/viral.fasta.gz"]["encodingFormat"] == "application/gzip"
    assert (results / "pipeline_info" / "main.nf").read_text() == "workflow {}\n"


@pytest.mark.usefixtures("no_network")
def test_a_second_crate_is_the_same(results: Path) -> None:
    command = ["report", "crate", str(results), "--workflow", str(results.parent / "main.nf")]
    assert main(command) == 0
    first = entities(results)
    assert main(command) == 0
    assert entities(results) == first


def test_what_has_no_results_is_refused(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StoreError, match=r"no folder in it has a run.json"):
        write_crate(tmp_path, tmp_path / "main.nf")
    assert main(["report", "crate", str(results), "--workflow", "absent.nf"]) == 2
    assert "absent.nf: cannot be copied" in capsys.readouterr().err
    assert not (results / "ro-crate-metadata.json").exists()
