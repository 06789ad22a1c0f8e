"""What stands on the command line and in files of parameters, against what Nextflow makes of it."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.parameters.test_parameters import REPOSITORY, SCHEMA, given
from virnucpro_core.parameters import CommandLine, answer, read_texts
from virnucpro_core.parameters._as_written import names_in_configuration

READS = REPOSITORY / "tests" / "data" / "reads.fasta"
RUN = "nextflow run main.nf --input reads.fasta"


def asked(folder: Path = READS.parent, **request: Any) -> dict[str, Any]:
    """The answer to a request; ``given`` has what is not as usual."""
    usual = {"input": "reads.fasta", **request.pop("given", {})}
    return answer({"given": given(**usual), "launch_dir": str(folder), **request}, REPOSITORY)


def of_file(tmp_path: Path, text: str, name: str = "p.yaml") -> dict[str, Any]:
    """The answer to a run with this file of parameters, which Nextflow reads as PyYAML does."""
    (tmp_path / name).write_text(text)
    (tmp_path / "reads.fasta").touch()
    read = yaml.safe_load(text)
    seen = {
        key: 1.7e12 if isinstance(value, datetime.date) else value for key, value in read.items()
    }
    line = f"nextflow run main.nf -params-file {name} -resume"
    return asked(tmp_path, given=seen, command_line=line)


# What Nextflow 24.10 and, as a text, 26.04 make of a word.
@pytest.mark.parametrize(
    ("word", "made"),
    [
        ("007", 7), ("1.10", 1.1), ("1.0", 1.0), ("true", True), ("FALSE", False), ("-5", -5),
        ("00000000000000000000012345", 12345.0), ("1e5", "1e5"), ("0x10", "0x10"),
        ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), ("007", "007"), ("true", "true"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("spelling", ["--model {}", "--model={}", "--model {} -resume"])
def test_a_text_of_the_command_line_stays_as_it_is(word: str, made: Any, spelling: str) -> None:
    line = f"{RUN} {spelling.format(word)}"
    done = asked(given={"model": made}, command_line=line)
    assert done["errors"] == []
    assert done["values"]["model"] == word


def test_quoted_words_are_understood_as_nextflow_quotes_them() -> None:
    line = (
        r"nextflow run 'my main.nf' --input 'a b' --sample= --fdr -0.5e-3 --model it\'s\ 1 "
        r"--slurm_options '--sample 1' --quick"
    )
    assert CommandLine.parse(line).values == {
        "input": ("a b",),
        "sample": ("",),
        "fdr": ("-0.5e-3",),
        "slurm_options": ("--sample 1",),
        "model": ("it's 1",),
        "quick": (None,),
    }


@pytest.mark.parametrize("made", [True, "true"])
@pytest.mark.parametrize("line", [f"{RUN} --sample", f"{RUN} --sample --outdir results"])
def test_an_option_without_a_value_is_no_text(line: str, made: Any) -> None:
    (error,) = asked(given={"sample": made}, command_line=line)["errors"]
    assert error.startswith("--sample has no value; name of the sample")


@pytest.mark.parametrize(
    "text",
    ["007", "0123", "1e5", "1_000", "0x10", "1.0", "true", "yes", "2024-01-01", "1:30", ".5", "12"],
)
def test_a_text_of_a_file_of_parameters_stays_as_it_is(tmp_path: Path, text: str) -> None:
    done = of_file(tmp_path, f"input: reads.fasta\nmodel: {text}\n")
    assert done["errors"] == []
    assert done["values"]["model"] == text
    assert of_file(tmp_path, f"input: reads.fasta\nmodel: '{text}'\n") == done


def test_a_file_of_parameters_may_be_json(tmp_path: Path) -> None:
    text = json.dumps({"input": "reads.fasta", "model": 1, "sample": True}, indent="\t")
    (tmp_path / "p.json").write_text(text.replace(": 1,", ": 1.10,"))
    (tmp_path / "reads.fasta").touch()
    seen = {"input": "reads.fasta", "model": 1.1, "sample": True}
    done = asked(tmp_path, given=seen, command_line="nextflow run . -params-file p.json")
    assert done["errors"] == []
    assert (done["values"]["model"], done["values"]["sample"]) == ("1.10", "true")


def test_the_command_line_comes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("input: reads.fasta\nsample: 010\n")
    (tmp_path / "reads.fasta").touch()
    line = "nextflow run main.nf -params-file p.yaml --sample 020"
    done = asked(tmp_path, given={"sample": 20}, command_line=line)
    assert done["values"]["sample"] == "020"


def test_a_file_that_the_environment_names_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.yaml").write_text("input: reads.fasta\nsample: 0123\n")
    (tmp_path / "reads.fasta").touch()
    monkeypatch.setenv("NXF_PARAMS_FILE", "p.yaml")
    done = asked(tmp_path, given={"sample": 83}, command_line="nextflow run main.nf")
    assert done["values"]["sample"] == "0123"


def test_a_number_of_a_file_is_the_one_that_it_looks_like(tmp_path: Path) -> None:
    done = of_file(tmp_path, "input: reads.fasta\nshard_frames: 100\nmax_failed_fraction: 1e-1\n")
    assert done["errors"] == []
    assert (done["values"]["shard_frames"], done["values"]["max_failed_fraction"]) == (100, 0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input: [a.fq, b.fq]", "--input is several values, it must be one; several files go into"),
        ("input: reads.fasta\nmodel: {a: 1}", "--model is several values, it must be one"),
        ("input: reads.fasta\nshard_frames:", "--shard_frames has no value; give one, or leave it"),
        ("input: reads.fasta\noutdir: ''", "--outdir has no value; give one, or leave it out"),
        ("input: reads.fasta\noutdir: 010", "--outdir 010 is 8 to Nextflow; write it in quotes"),
        ("input: reads.fasta\npart_seconds: 0100", "--part_seconds 0100 is 64 to Nextflow; write"),
        ("input: reads.fasta\npreemption_wait: 010", "--preemption_wait 010 is 8 to Nextflow; wr"),
        ("input: reads.fasta\nseed: 0x10", "--seed 0x10 is 16 to Nextflow; write it as a decimal"),
        ("input: reads.fasta\nseed: 1_000", "--seed is '1_000', it must be a whole number"),
    ],
)
def test_what_cannot_be_as_it_is_written_is_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    (error,) = of_file(tmp_path, text)["errors"]
    assert error.startswith(message)


def test_a_number_of_a_configuration_file_is_no_text() -> None:
    (error,) = asked(given={"sample": 7}, command_line=RUN)["errors"]
    assert error == (
        "--sample is set to 7 in a file, where that is no text; write it in quotes there"
    )


def test_what_the_configuration_has_taken_otherwise_is_refused() -> None:
    done = asked(given={"outdir": 7}, command_line=f"{RUN} --outdir 007")
    assert done["errors"] == [
        "--outdir 007 is 7 to Nextflow; write it in quotes in a file for -params-file:  "
        "outdir: '007'"
    ]
    assert asked(given={"outdir": 7}, command_line=f"{RUN} --outdir 7")["errors"] == []
    line = f"{RUN} --part_seconds 060"
    assert asked(given={"part_seconds": 60}, command_line=line)["errors"] == []


@pytest.mark.parametrize("name", sorted(names_in_configuration(REPOSITORY)))
def test_what_comes_too_late_for_the_configuration_is_refused(tmp_path: Path, name: str) -> None:
    parameter = SCHEMA.parameters()[name]
    group = next(group for group in SCHEMA.groups if parameter in group.parameters)
    profile = group.key if group.key in ("slurm", "awsbatch") else ""
    usual = {each.name: each.default for each in group.parameters} if profile else {}
    other: Any = {"boolean": True, "integer": 977}.get(parameter.types[0], "s3://b/c")
    values = {
        "slurm_time": "5h", "slurm_memory": "2 GB", "aws_memory": "2 GB", "slurm_gres": "gpu:1",
        "slurm_account": "us", "slurm_partition": "long", "aws_region": "eu-west-1",
        "aws_cli": "/opt/bin/aws", "aws_spot_attempts": 3, "part_seconds": 9,
        "slurm_options": "--qos=long",
    }  # fmt: skip
    changed = {**usual, name: values.get(name, other)}
    profiles = [profile] if profile else []
    (error,) = asked(given=changed, command_line=RUN, profiles=profiles)["errors"]
    assert error.startswith(f"params.{name} stands in a configuration file of yours")
    assert f"give --{name} on the command line" in error
    line = f"{RUN} --{name}='{changed[name]}'" if changed[name] is not True else f"{RUN} --{name}"
    assert asked(given=changed, command_line=line, profiles=profiles)["errors"] == []
    (tmp_path / "p.yaml").write_text(yaml.safe_dump({name: changed[name]}))
    line = f"{RUN} -params-file {tmp_path / 'p.yaml'}"
    assert asked(given=changed, command_line=line, profiles=profiles)["errors"] == []


def test_no_setting_reads_a_parameter_in_a_way_that_is_not_seen() -> None:
    for path in [REPOSITORY / "nextflow.config", *(REPOSITORY / "conf").glob("*.config")]:
        code = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
        assert re.findall(r"\bparams\b(?!\.\w| \{$)", code, re.MULTILINE) == [], path
    assert {"outdir", "save_scores", "checkpoint_dir", "slurm_gres", "aws_queue"} <= (
        names_in_configuration(REPOSITORY)
    )


def test_the_checkpoints_of_batch_follow_its_work_folder() -> None:
    batch = next(group for group in SCHEMA.groups if group.key == "awsbatch")
    usual = {each.name: each.default for each in batch.parameters}
    seen = {**usual, "aws_workdir": "s3://b/w", "checkpoint_dir": "s3://b/w/checkpoints"}
    line = f"{RUN} --aws_workdir s3://b/w"
    assert asked(given=seen, command_line=line, profiles=["awsbatch"])["errors"] == []


def test_of_what_is_given_twice_nothing_is_dropped_in_silence() -> None:
    line = f"{RUN} --preset strict --preset=strict --model a --model 007"
    done = asked(given={"preset": "strict", "model": 7}, command_line=line)
    assert done["errors"] == []
    assert done["notes"] == ["--model is given more than once, as a and 007; the last is taken"]
    assert done["values"]["model"] == "007"
    (error,) = asked(command_line=f"{RUN} --input other.fasta")["errors"]
    assert error == (
        "--input is given more than once, as reads.fasta and other.fasta; several files go into "
        "a samplesheet (docs/usage.md#samplesheet)"
    )


@pytest.mark.parametrize("name", ["*.fasta", "a.fq,b.fq", "a.fq b.fq", "{a,b}.fq", "lane[12].fq"])
def test_several_files_are_answered_with_the_samplesheet(name: str) -> None:
    line = f"nextflow run main.nf --input '{name}'"
    (error,) = asked(given={"input": name}, command_line=line)["errors"]
    assert error == (
        f"--input {name}: there is no such file; several files go into a samplesheet "
        "(docs/usage.md#samplesheet)"
    )


def test_a_byte_order_mark_is_no_part_of_a_file_of_parameters(tmp_path: Path) -> None:
    for name, text in (("p.json", '{"sample": "007"}'), ("p.yaml", "sample: 007\n")):
        (tmp_path / name).write_text(f"\ufeff{text}", encoding="utf-8")
        assert read_texts(tmp_path / name) == {"sample": "007"}
