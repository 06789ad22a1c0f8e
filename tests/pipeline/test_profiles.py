"""What each profile of nextflow.config sets, and what it refuses to start without."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.pipeline.running import READS, REPOSITORY, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

PROFILES = re.findall(
    r"^    (\w+) \{$",
    (REPOSITORY / "nextflow.config").read_text().partition("profiles {")[2].partition("\n}")[0],
    re.MULTILINE,
)
PASSED_ON = {"VIRNUCPRO_DISABLE_FP16", "VIRNUCPRO_LEASE_DIR", "AWS_ACCESS_KEY_ID"}


def nextflow(folder: Path, *arguments: str | Path) -> str:
    """What ``nextflow ...`` prints on its standard output."""
    search = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "")])
    program = shutil.which("nextflow", path=search)
    assert program, "no nextflow; run `make setup`"
    environment = {**os.environ, "PATH": search, "NXF_OFFLINE": "true", "NXF_ANSI_LOG": "false"}
    # The plugin of AWS Batch is fetched when a run needs it; these tests look at settings only.
    environment["NXF_PLUGINS_DEFAULT"] = "false"
    done = subprocess.run(
        [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@cache
def settings(profile: str) -> dict[str, str]:
    """Every setting that holds under a profile, by its full name."""
    with TemporaryDirectory() as folder:
        shown = nextflow(Path(folder), "config", "-flat", "-profile", profile, REPOSITORY)
    return {name: value for name, _, value in (x.partition(" = ") for x in shown.splitlines())}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_can_be_read(profile: str) -> None:
    found = settings(profile)
    assert found["process.shell"] == "['/bin/bash', '-euo', 'pipefail']"
    assert "process.'withLabel:embed'.cpus" in found


def test_batch_takes_its_limits_from_the_queue_and_not_from_this_machine() -> None:
    found = settings("awsbatch")
    assert found["process.executor"] == "'awsbatch'"
    assert found["process.resourceLimits"] == "[cpus:8, memory:'28 GB']"
    assert found["process.'withLabel:embed'.cpus"] == "8"
    assert found["process.'withLabel:embed'.memory"] == "'28 GB'"
    # Nextflow's own default is 0: no attempt after the first that spot ends.
    assert found["aws.batch.maxSpotAttempts"] == "10"


@pytest.mark.parametrize("engine", ["docker", "singularity", "apptainer"])
def test_container_engines_pass_settings_on(engine: str) -> None:
    found = settings(engine)
    assert found[f"{engine}.enabled"] == "true"
    assert set(re.findall(r"\w+", found[f"{engine}.envWhitelist"])) >= PASSED_ON


SHOW_CONTAINER_OPTIONS = """
process SHOW {
    label 'embed'
    executor 'local'
    container null

    output:
    stdout

    script:
    "echo 'options=[${task.containerOptions ?: ''}]'"
}

workflow {
    SHOW().view()
}
"""


@pytest.mark.parametrize(("gres", "wanted"), [((), ""), (("--slurm_gres", "gpu:1"), "--nv")])
def test_containers_of_slurm_see_the_devices_that_were_asked_for(
    tmp_path: Path, gres: tuple[str, ...], wanted: str
) -> None:
    (tmp_path / "show.nf").write_text(SHOW_CONTAINER_OPTIONS)
    chosen = ("-c", REPOSITORY / "nextflow.config", "-profile", "slurm,apptainer")
    small = ("--slurm_cpus", "1", "--slurm_memory", "1 GB", "--container", "img")
    shown = nextflow(tmp_path, "run", "show.nf", *chosen, *small, *gres)
    assert f"options=[{wanted}]" in shown


def test_conda_makes_its_environment_from_a_file_that_is_there() -> None:
    found = settings("conda")
    assert found["conda.enabled"] == "true"
    assert Path(found["process.conda"].strip("'")).is_file()


SHOW = """
workflow {
    def config = workflow.session.config
    def embed = config.process['withLabel:embed']
    println("queue=${config.process.queue} container=${config.process.container}")
    println("embed queue=${embed.queue} cpus=${embed.cpus} accelerator=${embed.accelerator}")
    println("limits=${config.process.resourceLimits}")
    println("region=${config.aws.region} batch=${config.aws.batch}")
}
"""


@pytest.mark.parametrize(
    ("gpu", "queue", "accelerator"),
    [([], "cpus", "null"), (["--aws_queue_gpu", "gpus"], "gpus", "1")],
)
def test_the_parameters_of_batch_reach_its_settings(
    tmp_path: Path, gpu: list[str], queue: str, accelerator: str
) -> None:
    (tmp_path / "show.nf").write_text(SHOW)
    given = {
        "aws_queue": "cpus",
        "aws_region": "eu-central-1",
        "aws_cpus": "4",
        "aws_memory": "14 GB",
        "aws_spot_attempts": "3",
        "aws_cli": "/opt/tools/bin/aws",
        "container": "virnucpro:test",
    }
    options = [word for name, value in given.items() for word in (f"--{name}", value)]
    shown = nextflow(
        tmp_path,
        "run",
        "show.nf",
        "-c",
        REPOSITORY / "nextflow.config",
        "-profile",
        "awsbatch",
        "-w",
        "work",
        *options,
        *gpu,
    )
    assert "queue=cpus container=virnucpro:test" in shown
    assert f"embed queue={queue} cpus=4 accelerator={accelerator}" in shown
    assert "limits=[cpus:4, memory:14 GB]" in shown
    assert "region=eu-central-1" in shown
    assert "cliPath:/opt/tools/bin/aws" in shown
    assert "maxSpotAttempts:3" in shown


def test_containers_need_an_image(tmp_path: Path) -> None:
    run = run_pipeline(tmp_path, "--input", READS, profile="docker")
    assert run.exit_code != 0
    message = "--container is missing; name the image that docker runs"
    assert len([line for line in run.output.splitlines() if message in line]) == 1, run.output
    assert "Exception" not in run.output
    assert run.tasks() == []
