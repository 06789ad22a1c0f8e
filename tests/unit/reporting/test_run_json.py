"""run.json: what made the results, the same bytes for the same run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from virnucpro_core import __version__
from virnucpro_core.errors import InputError, StoreError
from virnucpro_core.reporting import write_run_json

VALIDATOR = Draft202012Validator(
    json.loads((resources.files("virnucpro_core.reporting") / "run.schema.json").read_text())
)
TABLE = """id\tlength\tn_chunks\tn_uninformative\tn_frames\tvirus_score\tcall\treason\
\tn_partial_frames
a\t500\t1\t0\t3\t0.9\tvirus\tNA\t0
b\t700\t2\t1\t5\t0.1\tnon-virus\t1 of 2 windows without information: unknown bases\t1
c\t300\t1\t0\t1\t0.2\tnon-virus\tNA\t1
"d\t0\t1\t0\t0\tNA\tnot-scorable\tempty\t0
"""


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    sequences = tmp_path / "sequences.tsv"
    sequences.write_text(TABLE)
    reads = tmp_path / "reads.fasta"
    reads.write_text(">a\nACGT\n")
    return {
        "sample": "s",
        "sequences": sequences,
        "reads": [reads],
        "parameters": {"window": 500, "input": "reads.fasta", "deep": {"b": None, "a": 0.5}},
        "bundle_name": "demo",
        "bundle_sha256": "b" * 64,
        "code_sha256": "c" * 64,
        "command": ["nextflow", "run", "main.nf", "--input", "my reads.fasta"],
    }


def written(path: Path, arguments: dict[str, Any]) -> dict[str, Any]:
    write_run_json(path, **arguments)
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_content(tmp_path: Path, arguments: dict[str, Any]) -> None:
    run = written(tmp_path / "run.json", arguments)
    assert run["schema_version"] == 1
    assert run["sample"] == "s"
    assert run["counts"] == {
        "records": 4,
        "virus": 1,
        "non_virus": 2,
        "not_scorable": 1,
        "bases": 1500,
        "chunks": 5,
        "uninformative_chunks": 1,
        "frames": 9,
        "partial_frames": 2,
    }
    digest = hashlib.sha256(b">a\nACGT\n").hexdigest()
    assert run["inputs"] == [{"name": "reads.fasta", "bytes": 8, "sha256": digest}]
    assert run["parameters"] == arguments["parameters"]
    assert run["bundle"] == {"name": "demo", "sha256": "b" * 64}
    assert run["code"] == {"sha256": "c" * 64}
    assert run["command"] == arguments["command"]
    assert run["machine"]["cpu_count"] >= 1
    assert run["machine"]["memory_bytes"] > 1 << 27
    assert "virus_by_tier" not in run


def test_counts_of_the_embed_task(tmp_path: Path, arguments: dict[str, Any]) -> None:
    arguments["sequences"].write_text(
        "id\tlength\tstatus\treason\n"
        "a\t30\tembedded\tNA\nb\t0\tnot-embedded\tempty\nc\t12\tembedded\tNA\n"
    )
    run = written(tmp_path / "run.json", arguments)
    assert run["counts"] == {"records": 3, "embedded": 2, "not_embedded": 1, "letters": 42}


def test_records_called_virus_are_counted_by_tier(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    header, *rows = TABLE.splitlines()
    tiers = ("high", "low", "NA", "NA")
    table = [f"{header}\ttier"] + [f"{r}\t{t}" for r, t in zip(rows, tiers, strict=True)]
    arguments["sequences"].write_text("\n".join(table) + "\n")
    run = written(tmp_path / "run.json", arguments)
    assert run["virus_by_tier"] == {"high": 1}
    VALIDATOR.validate(run)


def test_every_run_json_fits_the_published_schema(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    VALIDATOR.check_schema(VALIDATOR.schema)
    VALIDATOR.validate(written(tmp_path / "run.json", arguments))
    times = {"started": "2025-01-01T00:00:00Z", "finished": "2025-01-01T01:00:00Z"}
    VALIDATOR.validate(written(tmp_path / "run.json", {**arguments, **times}))
    arguments["sequences"].write_text("id\tlength\tstatus\treason\na\t30\tembedded\tNA\n")
    VALIDATOR.validate(written(tmp_path / "run.json", arguments))


@pytest.mark.parametrize("name", ["counts", "inputs", "machine", "versions", "code"])
def test_the_schema_refuses_what_lacks_a_part(
    tmp_path: Path, arguments: dict[str, Any], name: str
) -> None:
    run = written(tmp_path / "run.json", arguments)
    del run[name]
    assert not VALIDATOR.is_valid(run)


def test_versions(tmp_path: Path, arguments: dict[str, Any]) -> None:
    versions = written(tmp_path / "run.json", arguments)["versions"]
    assert versions["virnucpro"] == __version__
    assert versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert versions["torch"] == metadata.version("torch")
    assert versions["numpy"] == metadata.version("numpy")
    assert versions["h5py"] == metadata.version("h5py")
    assert "nextflow" not in versions
    given = written(tmp_path / "run.json", {**arguments, "nextflow_version": "24.10.0"})
    assert given["versions"]["nextflow"] == "24.10.0"


def test_bytes_do_not_depend_on_time_or_the_order_of_parameters(
    tmp_path: Path, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run_json(tmp_path / "1.json", **arguments)
    monkeypatch.setattr("time.time", lambda: 0.0)
    swapped = {"deep": {"a": 0.5, "b": None}, "input": "reads.fasta", "window": 500}
    write_run_json(tmp_path / "2.json", **{**arguments, "parameters": swapped})
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()


def test_times_only_when_given(tmp_path: Path, arguments: dict[str, Any]) -> None:
    assert not {"started", "finished"} & set(written(tmp_path / "run.json", arguments))
    run = written(tmp_path / "run.json", {**arguments, "started": "2025-01-01T00:00:00Z"})
    assert run["started"] == "2025-01-01T00:00:00Z"
    assert "finished" not in run


@pytest.mark.parametrize(
    ("old", "new"),
    [("\tvirus\t", "\tmaybe\t"), ("call", "verdict"), ("\t500\t", "\tx\t"), (TABLE, "")],
)
def test_a_table_that_is_none(
    tmp_path: Path, arguments: dict[str, Any], old: str, new: str
) -> None:
    arguments["sequences"].write_text(TABLE.replace(old, new, 1))
    with pytest.raises(StoreError, match="is not a result table"):
        write_run_json(tmp_path / "run.json", **arguments)
    assert not (tmp_path / "run.json").exists()


def test_reads_that_are_gone(tmp_path: Path, arguments: dict[str, Any]) -> None:
    arguments["reads"][0].unlink()
    with pytest.raises(InputError, match=r"reads\.fasta: cannot be read"):
        write_run_json(tmp_path / "run.json", **arguments)


def test_reporting_needs_the_standard_library_only() -> None:
    code = (
        "import sys, virnucpro_core.reporting as _; "
        "sys.exit(bool({'numpy', 'h5py', 'torch', 'typer'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
