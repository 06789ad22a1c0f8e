"""What tasks see inside a container; a program in the engine's place runs them on this machine."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pipeline.running import READS, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

# Notes its arguments and the checkpoint directory that the task would see, then runs the task.
ENGINE = """#!/usr/bin/env python3
import json, os, subprocess, sys

arguments = sys.argv[1:]
if arguments[0] not in ("run", "exec"):
    sys.exit(0)
seen = {}
if arguments[0] == "run":
    names = [b for a, b in zip(arguments, arguments[1:]) if a == "-e"]
    names += [a.removeprefix("--env=") for a in arguments if a.startswith("--env=")]
    for name in names:
        key, sign, value = name.partition("=")
        if sign or key in os.environ:
            seen[key] = value if sign else os.environ[key]
else:
    prefix = "APPTAINERENV_"
    seen = {k.removeprefix(prefix): v for k, v in os.environ.items() if k.startswith(prefix)}
with open(NOTES, "a") as notes:
    notes.write(json.dumps([arguments, seen.get("VIRNUCPRO_CHECKPOINT_DIR")]) + "\\n")
command = arguments[arguments.index("/bin/bash"):]
seen["PATH"] = os.environ["PATH"]
sys.exit(subprocess.run(command, env=seen, cwd=seen["NXF_TASK_WORKDIR"]).returncode)
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A container that was asked for.

    Attributes:
        arguments: of the engine.
        checkpoints: VIRNUCPRO_CHECKPOINT_DIR inside of the container, None where it is not set.
    """

    arguments: list[str]
    checkpoints: str | None


def run_contained(
    folder: Path, monkeypatch: pytest.MonkeyPatch, engine: str, checkpoints: str, *profiles: str
) -> list[Call]:
    """The containers of a run of stubs whose tasks are told a checkpoint directory."""
    notes = folder / "notes"
    programs = folder / "programs"
    programs.mkdir()
    program = programs / engine
    program.write_text(ENGINE.replace("NOTES", repr(str(notes))))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    image = folder / "image.sif"
    image.touch()
    settings = folder / "checkpoints.config"
    export = f"export VIRNUCPRO_CHECKPOINT_DIR='{checkpoints}'"
    settings.write_text(f"process.beforeScript = {json.dumps(export)}\n")
    options = ["-stub-run", "-c", settings, "--input", READS, "--container", image]
    run = run_pipeline(folder, *options, profile=",".join(["test", engine, *profiles]))
    assert run.exit_code == 0, run.output
    calls = [Call(*json.loads(line)) for line in notes.read_text().splitlines()]
    assert len(calls) == len(run.tasks())
    return calls


@pytest.mark.parametrize(
    ("engine", "option"), [("docker", "--volume={0}:{0}"), ("apptainer", "--bind={0}")]
)
def test_a_checkpoint_directory_is_mounted_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, option: str
) -> None:
    checkpoints = f"{tmp_path}/of this run"
    for call in run_contained(tmp_path, monkeypatch, engine, checkpoints):
        assert option.format(checkpoints) in call.arguments
        assert call.checkpoints == checkpoints


@pytest.mark.parametrize("engine", ["docker", "apptainer"])
def test_a_checkpoint_prefix_is_named_and_not_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    for call in run_contained(tmp_path, monkeypatch, engine, "s3://bucket/checkpoints"):
        assert call.checkpoints == "s3://bucket/checkpoints"
        assert not [x for x in call.arguments if x.startswith(("--volume=", "--bind="))]


@pytest.mark.parametrize(("engine", "option"), [("docker", "--gpus"), ("apptainer", "--nv")])
def test_a_device_is_shown_to_the_tasks_that_embed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, option: str
) -> None:
    calls = run_contained(tmp_path, monkeypatch, engine, "s3://bucket/checkpoints", "gpu")
    shown = [call for call in calls if option in call.arguments]
    # DNA and protein.
    assert len(shown) == 2
