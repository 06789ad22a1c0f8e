"""Options of VirNucPro 2.0 are translated, left out with a note, or refused with the new way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.parameters.test_parameters import SCHEMA, given
from virnucpro_core.parameters import CheckedParameters, check_parameters

REPOSITORY = Path(__file__).parents[3]


def checked(**changed: Any) -> CheckedParameters:
    return check_parameters(SCHEMA, given(**changed))


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ({"esm_batch_size": "3072"}, "token_budget", 3072),
        # As Nextflow has --esm-batch-size: with a twin of its own making.
        ({"esm-batch-size": 3072, "esmBatchSize": 3072}, "token_budget", 3072),
        ({"dnabert_batch_size": 512}, "token_budget", 512),
        ({"esm_batch_size": 64, "dnabert_batch_size": 64}, "token_budget", 64),
        ({"esm_batch_size": 64, "token_budget": 64}, "token_budget", 64),
        ({"no-packing": True, "noPacking": True}, "token_budget", 1),
        ({"no_fp16": "true"}, "precision", "fp32"),
        ({"no_fp16": "True"}, "precision", "fp32"),
        ({"v1_attention": True}, "attention", "sdpa"),
        ({"sequences_per_file": "100"}, "shard_frames", 100),
    ],
)
def test_an_old_option_with_a_new_name_is_taken_with_a_note(
    old: dict[str, Any], new: str, value: Any
) -> None:
    found = checked(**old)
    assert found.errors == ()
    assert found.values[new] == value
    assert found.notes
    for note in found.notes:
        assert f"--{new} {value} is taken (docs/MIGRATION_v2.md#options)" in note


def test_an_old_option_against_its_new_name_is_an_error() -> None:
    assert checked(esm_batch_size=64, token_budget=128).errors == (
        "--esm_batch_size stands for --token_budget 64, and --token_budget is 128; "
        "give --token_budget alone (docs/MIGRATION_v2.md#options)",
    )
    (line,) = checked(esm_batch_size=64, dnabert_batch_size=128).errors
    assert line.startswith("--dnabert_batch_size stands for --token_budget 128, and")
    (line,) = checked(v1_attention=True, attention="flash").errors
    assert line.startswith("--v1_attention stands for --attention sdpa, and --attention is flash")


def test_a_value_that_the_new_parameter_cannot_have_is_an_error_of_it() -> None:
    (line,) = checked(esm_batch_size="many").errors
    assert line.startswith("--token_budget is 'many', it must be a whole number")


@pytest.mark.parametrize("off", ["false", "False", "FALSE", False])
@pytest.mark.parametrize("old", ["v1_attention", "no_packing", "no_fp16", "v1_fallback"])
def test_a_switch_that_is_off_changes_nothing(old: str, off: object) -> None:
    found = checked(**{old: off})
    assert found.values == checked().values
    assert found.errors == ()
    assert found.notes == (f"--{old} false is not needed (docs/MIGRATION_v2.md#options)",)


@pytest.mark.parametrize("value", ["0", 0, 1, "no", ""])
def test_a_switch_that_is_neither_on_nor_off_is_an_error(value: object) -> None:
    assert checked(no_fp16=value).errors == (
        f"--no_fp16 is '{value}', it must be true or false; it stands for --precision fp32, "
        "give that (docs/MIGRATION_v2.md#options)",
    )


def test_the_old_fallback_is_the_reference_engine_with_a_note() -> None:
    found = checked(**{"v1-fallback": True, "v1Fallback": True})
    assert found.errors == ()
    assert found.values["engine"] == "v1"
    assert found.notes == (
        "--v1-fallback is of VirNucPro 2.0; --engine v1 is taken (docs/MIGRATION_v2.md#options)",
    )
    assert checked().values["engine"] == "v2"


@pytest.mark.parametrize(
    ("other", "value"), [("precision", "bf16"), ("attention", "sdpa"), ("v1_attention", True)]
)
def test_what_the_reference_engine_does_not_have_is_refused(other: str, value: object) -> None:
    (line,) = checked(v1_fallback=True, **{other: value}).errors
    assert line.startswith("--engine v1 ")
    assert f"leave out --{other.removeprefix('v1_')} " in line


def test_options_without_influence_are_left_out_with_a_note() -> None:
    found = checked(**{"pin-memory": True, "pinMemory": True, "parallel": True})
    assert found.errors == ()
    assert [note.split()[0] for note in found.notes] == ["--pin-memory", "--parallel"]
    assert found.values == checked().values


@pytest.mark.parametrize(
    ("old", "way"),
    [
        ({"resume": True}, "with one dash"),
        ({"force-resume": True, "forceResume": True}, "with one dash"),
        ({"gpus": "0,1"}, "CUDA_VISIBLE_DEVICES"),
        ({"model_type": 500}, "--model virnucpro-500"),
        ({"model_path": "m.pth"}, "virnucpro model import"),
        ({"output_dir": "out"}, "give --outdir"),
    ],
)
def test_what_cannot_be_translated_is_refused_with_the_new_way(
    old: dict[str, Any], way: str
) -> None:
    (line,) = checked(**old).errors
    assert line.startswith(f"--{next(iter(old))} is of VirNucPro 2.0; ")
    assert way in line
    assert line.endswith("(docs/MIGRATION_v2.md#options)")


def test_the_notes_reach_the_pipeline() -> None:
    request = {"given": given(input="-", parallel=True), "launch_dir": "."}
    done = subprocess.run(
        [sys.executable, "-m", "virnucpro_core.parameters"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert answer["errors"] == []
    assert answer["notes"][0].startswith("--parallel is not needed")
