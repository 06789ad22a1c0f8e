from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from virnucpro_core.parameters import ParameterSchema, check_parameters, check_run, render_help

REPOSITORY = Path(__file__).parents[3]
SCHEMA = ParameterSchema.read(REPOSITORY / "nextflow_schema.json")
PROFILES = {"slurm": "slurm_", "awsbatch": "aws_"}
"""Groups that exist with a profile only, and how their parameters begin."""


def given(**changed: Any) -> dict[str, Any]:
    """Parameters as Nextflow has them without a profile, but for those that are changed."""
    usual = {
        parameter.name: parameter.default
        for group in SCHEMA.groups
        if group.key not in PROFILES
        for parameter in group.parameters
    }
    return {**usual, "input": "reads.fa", **changed}


def errors(**changed: Any) -> list[str]:
    return list(check_parameters(SCHEMA, given(**changed)).errors)


def test_text_of_the_command_line_gets_the_type_of_the_schema() -> None:
    checked = check_parameters(
        SCHEMA,
        given(threshold="0.25", token_budget="4096", save_embeddings="true", sample=12, outdir=""),
    )
    assert checked.errors == ()
    assert checked.values["threshold"] == 0.25
    assert checked.values["token_budget"] == 4096
    assert checked.values["save_embeddings"] is True
    assert checked.values["sample"] == "12"
    assert checked.values["outdir"] is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"threshold": float("nan")}, "--threshold is 'nan', it must be a number from 0 to 1"),
        ({"threshold": "2"}, "--threshold is '2', it must be a number from 0 to 1"),
        ({"fdr": "0.1", "preset": "strict"}, "--preset and --fdr are different rules for what is"),
        ({"preset": "lax"}, "--preset is 'lax', it must be sensitive, balanced or strict"),
        ({"prevalence": "1"}, "--prevalence is '1', it must be auto or a number between 0 and 1"),
        ({"prevalence": 0}, "--prevalence is '0', it must be auto or a number between 0 and 1"),
        ({"threshold": "much"}, "--threshold is 'much', it must be a number from 0 to 1"),
        ({"shard_frames": 0}, "--shard_frames is '0', it must be a whole number of at least 1"),
        ({"shard_frames": "1.5"}, "--shard_frames is '1.5', it must be a whole number of at least"),
        ({"precision": "fp8"}, "--precision is 'fp8', it must be auto, fp32, bf16, fp16 or int8"),
        ({"device": "gpu"}, "--device is 'gpu', it must be auto, cpu, cuda or cuda:N"),
        ({"save_embeddings": "maybe"}, "--save_embeddings is 'maybe', it must be true or false"),
        ({"sample": "../up"}, "--sample is '../up', it must be letters, digits"),
        ({"outdir": True}, "--outdir has no value; folder for the results"),
        ({"sample": "a\n"}, "--sample has a line break in it"),
        ({"input": None}, "--input is missing; name FASTA, FASTQ"),
        ({"task": "benchmark"}, "--suite is missing; name v2-validation, v2-scaling,"),
        (
            {"task": "benchmark", "input": None, "suite": "equivalense"},
            "--suite is 'equivalense', it must be v2-validation, v2-scaling,",
        ),
        (
            {"task": "tarin"},
            "--task is 'tarin', it must be predict, embed, train or benchmark; did",
        ),
        ({"tresholds": 1}, "Unknown parameter --tresholds; did you mean --threshold?"),
        ({"xyz": 1}, "Unknown parameter --xyz; --help lists those that exist"),
        ({"profile": "docker"}, "Unknown parameter --profile; Nextflow's option has one dash: -pr"),
        ({"work-dir": "w", "workDir": "w"}, "Unknown parameter --work-dir; Nextflow's option has"),
        ({"slurm_cpus": 4}, "--slurm_cpus is for jobs of SLURM; add -profile slurm"),
        ({"aws_queue": "q"}, "--aws_queue is for jobs of AWS Batch; add -profile awsbatch"),
        ({"checkpoint_dir": "of $5"}, "--checkpoint_dir is 'of $5', it must be a path without"),
        ({"checkpoint_dir": 'a "b"'}, "--checkpoint_dir is 'a \"b\"', it must be a path without"),
    ],
)
def test_a_mistake_is_one_line(changed: dict[str, Any], message: str) -> None:
    (line,) = errors(**changed)
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"input": "."}, "--input .: this is not a file; name a file with sequences"),
        ({"baseline_trace": "nix.txt"}, "--baseline_trace nix.txt: there is no such file"),
        ({"suite": "all"}, "--suite is for --task benchmark; leave it out"),
        (
            {"task": "benchmark", "suite": "all", "input": "sheet.csv"},
            "--input sheet.csv: a benchmark measures with one file of reads",
        ),
        ({"task": "train", "recipe": "best"}, "--recipe is 'best', it must be default or authors"),
        (
            {"task": "train", "longest_window": 50},
            "--longest_window is 50, it must be at least --shortest_window (100)",
        ),
        ({"task": "train", "test_share": 0.95}, "--validation_share is 0.1 and --test_share 0.95"),
        ({"task": "embed", "dry_run": True}, "--dry_run is for --task predict, not for embed"),
        ({"input": "-", "dry_run": True}, "--dry_run cannot read standard input"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    (tmp_path / "reads.fa").touch()
    (line,) = check_run(SCHEMA, given(**changed), launch_dir=tmp_path).errors
    assert line.startswith(message)


def test_a_benchmark_needs_a_suite_and_no_input() -> None:
    assert errors(task="benchmark", suite="equivalence", input=None) == []
    (line,) = errors(task="benchmark", suite="equivalense", input=None)
    assert line.endswith("equivalence or all; did you mean equivalence?")
    assert errors(task="benchmark", suite="all", against="a'b") == [
        "--against is 'a'b', it must be a name or git reference, without spaces and quotes"
    ]


@pytest.mark.parametrize("changed", [{"engine": "v1"}, {"attention": "sdpa"}, {"token_budget": 9}])
def test_a_benchmark_refuses_what_its_suites_choose_themselves(changed: dict[str, Any]) -> None:
    (name,) = changed
    asked = given(task="benchmark", suite="memory", input=None, **changed)
    assert check_run(SCHEMA, asked, launch_dir=REPOSITORY).errors == (
        f"--{name} is not for --task benchmark, whose suites choose that themselves; leave it out",
    )


def test_a_boolean_without_a_value_is_true() -> None:
    assert check_parameters(SCHEMA, given(dry_run=True)).values["dry_run"] is True


def test_all_mistakes_are_told_at_once() -> None:
    found = errors(threshold=2, precision="x", attention="y", outputdir="z")
    names = [line.split()[0] for line in found]
    assert names == ["Unknown", "--threshold", "--precision", "--attention"]


def test_a_name_with_dashes_is_told_once_with_its_near_one() -> None:
    # Nextflow adds the second one by itself.
    given_twice = {"shard-frames": 5, "shardFrames": 5}
    assert errors(**given_twice) == [
        "Unknown parameter --shard-frames; did you mean --shard_frames?"
    ]


def test_rules_that_only_a_profile_brings_in_are_checked() -> None:
    slurm = next(group for group in SCHEMA.groups if group.key == "slurm")
    usual = {parameter.name: parameter.default for parameter in slurm.parameters}
    assert errors(**usual) == []
    wrong = {"slurm_array": 1, "slurm_time": "soon", "slurm_gres": "a b", "slurm_memory": "64"}
    found = errors(**{**usual, **wrong, "slurm_options": "--qos=a\nrm -rf x"})
    assert [line.partition(",")[0] for line in found] == [
        "--slurm_gres is 'a b'",
        "--slurm_time is 'soon'",
        "--slurm_memory is '64'",
        "--slurm_array is '1'",
        "--slurm_options is '--qos=a\nrm -rf x'",
    ]


def test_help_lists_every_parameter_that_is_not_hidden_within_the_width() -> None:
    text = render_help(SCHEMA)
    for name, parameter in SCHEMA.parameters().items():
        assert (f"  --{name}" in text) is not parameter.hidden
        assert f"  --{name}" in render_help(SCHEMA, hidden=True)
    assert max(map(len, text.splitlines())) <= 100
    assert "pattern ^(auto" in render_help(SCHEMA, "device")
    assert "did you mean --device" in render_help(SCHEMA, "devices")


def config_defaults() -> dict[str, str]:
    """The params blocks of the configuration, as they stand."""
    found = {}
    for name in ("nextflow.config", "conf/slurm.config", "conf/awsbatch.config"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        block = re.search(r"^params \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
        assert block
        found.update(re.findall(r"^    (\w+) += (.*)$", block[1], re.MULTILINE))
    # A profile's value of a parameter that exists without it.
    found["checkpoint_dir"] = "null"
    return found


def as_groovy(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return f'"{value}"' if "$" in value else f"'{value}'"
    return str(value)


def test_schema_and_configuration_have_the_same_parameters_and_defaults() -> None:
    expected = {name: as_groovy(each.default) for name, each in SCHEMA.parameters().items()}
    assert config_defaults() == expected


def test_parameters_of_a_profile_begin_with_its_name() -> None:
    for group, start in PROFILES.items():
        names = [each.name for each in next(g for g in SCHEMA.groups if g.key == group).parameters]
        assert all(name.startswith(start) for name in names)


def test_schemas_are_schemas() -> None:
    for name in ("nextflow_schema.json", "assets/schema_input.json"):
        Draft202012Validator.check_schema(json.loads((REPOSITORY / name).read_text()))
    for parameter in SCHEMA.parameters().values():
        assert parameter.rules["description"].endswith(".")
        if parameter.default is not None:
            Draft202012Validator(dict(parameter.rules)).validate(parameter.default)


def test_an_input_whose_name_no_file_can_have_is_that_of_none(tmp_path: Path) -> None:
    for name in ("x" * 300, "a\0b"):
        run = check_run(SCHEMA, given(input=name), launch_dir=tmp_path)
        assert run.errors == (f"--input {name}: there is no such file",)
