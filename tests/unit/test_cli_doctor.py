"""``virnucpro doctor`` and its commands: exit codes, JSON, files that the pipeline takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.unit.parameters.test_parameters import SCHEMA
from virnucpro_core.cli import main
from virnucpro_core.parameters import check_parameters, render_params_file

READS = Path(__file__).parents[1] / "data" / "reads.fasta"


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_doctor_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--json", "--no-self-test", "--outdir", tmp_path / "out", "--work-dir", tmp_path)
    assert run("doctor", *words, "--checkpoint-dir", tmp_path) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    assert document["usable"] is True
    names = [each["name"] for each in document["findings"]]
    for name in ("processor", "precision", "attention sdpa", "required", "Nextflow", "demo"):
        assert name in names
    assert names[-4:] == ["store", "outdir", "work", "temporary"]
    assert not (tmp_path / "out").exists()


def test_what_is_broken_gives_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    words = ("--no-self-test", "--outdir", file / "results", "--work-dir", tmp_path)
    assert run("doctor", *words) == 2
    printed = capsys.readouterr().out
    assert "PROBLEM  outdir" in printed
    assert "Not ready to run: 1 problem" in printed
    assert run("doctor", "devices", "--device", "cuda:99") == 2


def test_options_before_a_command_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--json", "devices") == 2
    assert "--json stands before devices" in capsys.readouterr().err


def test_input_that_a_run_would_take_and_refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("doctor", "input", READS) == 0
    assert "24 records" in capsys.readouterr().out
    sheet = tmp_path / "s.csv"
    sheet.write_text(f"sample,file\nlake,{READS}\n")
    assert run("doctor", "input", sheet, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["records"]) for each in document["samples"]] == [("lake", 24)]
    sheet.write_text("sample,file\nlake,none.fa\nriver,nor this.fa\n")
    assert run("doctor", "input", sheet) == 2
    printed = capsys.readouterr().out
    assert "none.fa: there is no such file" in printed
    assert "nor this.fa: there is no such file" in printed
    assert run("doctor", "input") == 2
    assert run("doctor", "input", "-") == 2


def test_a_file_of_parameters_is_checked_with_the_input_that_it_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(f"input: {READS}\n")
    assert run("doctor", "input", "--params-file", params) == 0
    assert "24 records" in capsys.readouterr().out
    params.write_text(f"input: {READS}\ntoken_budgt: 5\nfdr: 2\n")
    assert run("doctor", "input", "--params-file", params) == 2
    printed = capsys.readouterr().out
    assert "Unknown parameter --token_budgt; did you mean --token_budget?" in printed
    assert "--fdr is '2'" in printed
    for text in ("- a list\n", "a: [\n", "[" * 20_000, "input: " + "x" * 300):
        params.write_text(text)
        assert run("doctor", "input", "--params-file", params) == 2
    assert run("doctor", "input", "--params-file", params, READS) == 2
    assert run("doctor", "input", "--params-file", params, "--paired") == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("input: none.fa", ["--input none.fa: there is no such file"]),
        ("input: false", ["--input false: there is no such file"]),
        ("input: READS\nsuite: memory", ["--suite is for --task benchmark"]),
        ("input: READS\ntask: embed\ndry_run: true", ["--dry_run is for --task predict"]),
        ("input: READS\ntask: embed\nmolecule: rna\nfdr: 2", ["--molecule is 'rna'", "--fdr is"]),
        ("input: READS\ntask: embed\nmolecule:", ["--molecule has no value; give one"]),
        ("input: SHEET\nsample: x", ["--sample is for one file"]),
        ("input: SHEET\nfdr: 2", ["none.fa: there is no such file", "--fdr is '2'"]),
        ("input: SHEET\ntask: benchmark\nsuite: all", ["a benchmark measures with one file"]),
        ("input: none.csv\nfdr: 2", ["--input none.csv: ", "--fdr is '2'"]),
        ("input: g.csv\ntask: train\nlongest_window: 9", ["--longest_window is 9, it must be"]),
    ],
)
def test_what_a_run_refuses_before_its_first_task_is_told_of_a_file_of_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: list[str]
) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sample,file\nlake,none.fa\n")
    params = tmp_path / "params.yaml"
    params.write_text(text.replace("READS", str(READS)).replace("SHEET", str(sheet)))
    assert run("doctor", "input", "--params-file", params) == 2
    printed = capsys.readouterr().out
    assert [words for words in told if words not in printed] == []


def test_parameters_that_a_file_leaves_out_have_their_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proteins = tmp_path / "p.faa"
    proteins.write_text(">a\nMKLV\n")
    params = tmp_path / "params.yaml"
    params.write_text(f"task: embed\ninput: {proteins}\nslurm_cpus: 4\n")
    assert run("doctor", "input", "--params-file", params) == 0
    assert "1 records" in capsys.readouterr().out


def test_input_that_only_a_run_fetches_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"sample,file\nlake,s3://b/x.fa\nriver,{READS}\n")
    params = tmp_path / "params.yaml"
    for name, told, n_samples in (
        ("s3://b/x.fa", "--input s3://b/x.fa is not read", 0),
        ("s3://b/x.csv", "--input s3://b/x.csv is not read", 0),
        ("'-'", "--input - is not read", 0),
        (sheet, "sample lake is not read: only a run fetches s3://b/x.fa", 1),
    ):
        params.write_text(f"input: {name}\n")
        assert run("doctor", "input", "--params-file", params, "--json") == 0
        printed = capsys.readouterr()
        assert told in printed.err
        assert len(json.loads(printed.out)["samples"]) == n_samples


def test_the_file_of_parameters_holds_what_holds_anyway(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = tmp_path / "params.yaml"
    assert run("doctor", "config", "--output", params) == 0
    assert yaml.safe_load(params.read_text()) == {"input": "reads.fastq.gz"}
    assert run("doctor", "config", "-o", params) == 2
    assert "is there already" in capsys.readouterr().err
    assert run("doctor", "config", "-o", params, "--force") == 0
    assert run("doctor", "config") == 0


def test_every_commented_default_is_one_that_the_pipeline_takes() -> None:
    lines = render_params_file(SCHEMA, hidden=True).splitlines()
    body = lines[lines.index("# ---- Input and output ----") :]
    uncommented = [line.removeprefix("# ") for line in body if not line.startswith(("# --", "##"))]
    values = yaml.safe_load("\n".join(uncommented))
    assert set(values) == set(SCHEMA.parameters()) - {"help"}
    checked = check_parameters(SCHEMA, values)
    assert checked.errors == ()
    assert checked.values["token_budget"] == SCHEMA.parameters()["token_budget"].default


def test_profile_measures_both_encoders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--seconds", 0.01, "--rounds", 1, "--precision", "fp32", "--threads", 1)
    assert run("doctor", "profile", READS, *words, "--json") == 0
    profiles = json.loads(capsys.readouterr().out)["profiles"]
    assert [each["precision"] for each in profiles] == ["fp32", "fp32"]
    assert run("doctor", "profile", READS, *words, "--encoder", "protein") == 0
    assert capsys.readouterr().out.count("(chosen by itself)") == 1
    stops = tmp_path / "stops.fa"
    stops.write_text(f">a\n{'TAAT' * 30}\n")
    assert run("doctor", "profile", stops, *words) == 2
    assert f"{stops}: has no frame to embed" in capsys.readouterr().err
