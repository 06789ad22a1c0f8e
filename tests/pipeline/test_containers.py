"""What tasks see inside a container; a program in the engine's place runs them on this machine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.pipeline.running import READS, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

# Notes its arguments, then runs the task.
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
    notes.write(json.dumps([*arguments, "cpus=" + seen.get("VIRNUCPRO_CPUS", "none")]) + "\\n")
command = arguments[arguments.index("/bin/bash"):]
seen["PATH"] = os.environ["PATH"]
sys.exit(subprocess.run(command, env=seen, cwd=seen["NXF_TASK_WORKDIR"]).returncode)
"""


def run_contained(
    folder: Path, monkeypatch: pytest.MonkeyPatch, engine: str, *options: str, profiles: str = ""
) -> list[list[str]]:
    """The arguments of every container of a run of stubs."""
    notes = folder / "notes"
    programs = folder / "programs"
    programs.mkdir()
    program = programs / engine
    program.write_text(ENGINE.replace("NOTES", repr(str(notes))))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    image = folder / "image.sif"
    image.touch()
    named = ["--container", image]
    if "-c" in options:
        (folder / "site.config").write_text(f"process.container = '{image}'\n")
        named = []
    given = ["-stub-run", "--input", READS, *named, *options]
    run = run_pipeline(folder, *given, profile=f"test,{engine}{profiles}")
    assert run.exit_code == 0, run.output
    calls: list[list[str]] = [json.loads(line) for line in notes.read_text().splitlines()]
    assert len(calls) == len(run.tasks())
    return calls


ENGINES = [("docker", "--volume={0}:{0}"), ("apptainer", "--bind={0}")]


@pytest.mark.parametrize(
    ("engine", "mount", "device"),
    [("docker", "--volume={0}:{0}", "--gpus"), ("apptainer", "--bind={0}", "--nv")],
)
def test_a_checkpoint_directory_is_mounted_and_a_device_shown_to_what_embeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, mount: str, device: str
) -> None:
    place = f"{tmp_path}/of this run"
    calls = run_contained(tmp_path, monkeypatch, engine, "--checkpoint_dir", place, profiles=",gpu")
    assert all(mount.format(place) in arguments for arguments in calls)
    assert Path(place).is_dir()
    # DNA and protein.
    assert sum(device in arguments for arguments in calls) == 2


@pytest.mark.parametrize(("engine", "option"), ENGINES)
def test_the_checkpoints_in_the_work_folder_are_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, option: str
) -> None:
    for arguments in run_contained(tmp_path, monkeypatch, engine):
        assert option.format(tmp_path / "work" / "checkpoints") in arguments
        # How many CPUs the task has comes in from outside.
        assert re.fullmatch(r"cpus=\d+", arguments[-1])


def test_an_image_that_a_configuration_file_names_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in run_contained(tmp_path, monkeypatch, "docker", "-c", "site.config"):
        assert str(tmp_path / "image.sif") in arguments


@pytest.mark.parametrize("engine", ["docker", "apptainer"])
def test_a_checkpoint_prefix_is_not_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    prefix = "s3://bucket/checkpoints"
    for arguments in run_contained(tmp_path, monkeypatch, engine, "--checkpoint_dir", prefix):
        assert not [x for x in arguments if x.startswith(("--volume=", "--bind="))]
