"""What the head job is answered of profiles, packages and words that stand alone."""

from __future__ import annotations

import re
from importlib import metadata
from itertools import combinations
from pathlib import Path

import pytest

from tests.unit.parameters.test_as_written import RUN, asked
from tests.unit.parameters.test_parameters import REPOSITORY, SCHEMA
from virnucpro_core.parameters import _profiles, _request

PROFILES = re.findall(
    r"^    (\w+) \{$",
    (REPOSITORY / "nextflow.config").read_text().partition("profiles {")[2].partition("\n}")[0],
    re.MULTILINE,
)
# A row for each profile: with which of those before it in this list it goes together.
TOGETHER = {
    "demo": "",
    "test": "demo",
    "gpu": "demo test",
    "slurm": "demo",
    "awsbatch": "demo",
    "docker": "demo test gpu slurm",
    "singularity": "demo test gpu slurm",
    "apptainer": "demo test gpu slurm",
    "conda": "demo test gpu slurm",
}


def test_every_pair_of_profiles_is_decided() -> None:
    assert list(TOGETHER) == PROFILES
    assert set(PROFILES) == _profiles.PROFILES
    for first, second in combinations(PROFILES, 2):
        for pair in ([first, second], [second, first, second]):
            errors = asked(command_line=RUN, profiles=pair)["errors"]
            told = [line for line in errors if line.startswith("-profile ")]
            assert len(told) == (first not in TOGETHER[second].split()), pair
            assert all("leave" in line for line in told)
    assert asked(command_line=RUN, profiles=["standard"])["errors"] == []
    assert asked(command_line=RUN, profiles=["gpu", "gpu", "mine"])["errors"] == []


def test_all_pairs_are_told_at_once() -> None:
    errors = asked(command_line=RUN, profiles=["slurm", "gpu", "awsbatch"])["errors"]
    assert [line.split(":")[0] for line in errors] == [
        "-profile slurm,gpu",
        "-profile slurm,awsbatch",
        "-profile gpu,awsbatch",
    ]
    assert "give --slurm_gres gpu:1" in errors[0]
    assert "--aws_queue_gpu" in errors[2]


def test_docker_cannot_show_the_devices_of_a_job() -> None:
    usual = {
        "slurm_account": None, "slurm_partition": None, "slurm_gres": "gpu:1", "slurm_time": None,
        "slurm_cpus": 8, "slurm_memory": "64 GB", "slurm_array": 0, "slurm_options": None,
    }  # fmt: skip
    line = f"{RUN} --slurm_gres gpu:1"
    (error,) = asked(given=usual, command_line=line, profiles=["docker", "slurm"])["errors"]
    assert error.startswith("--slurm_gres does not reach Docker")
    assert asked(given=usual, command_line=line, profiles=["slurm", "apptainer"])["errors"] == []


def test_a_device_on_batch_needs_its_queue() -> None:
    batch = next(group for group in SCHEMA.groups if group.key == "awsbatch")
    seen = {each.name: each.default for each in batch.parameters} | {"device": "cuda"}
    line = f"{RUN} --device cuda --aws_queue_gpu gpus"
    (error,) = asked(given=seen, command_line=line, profiles=["awsbatch"])["errors"]
    assert error.startswith("--device cuda: AWS Batch gives a device to jobs of --aws_queue_gpu")
    seen["aws_queue_gpu"] = "gpus"
    assert asked(given=seen, command_line=line, profiles=["awsbatch"])["errors"] == []


@pytest.mark.parametrize(
    ("line", "words", "message"),
    [
        (f"{RUN} b.fasta", ["b.fasta"], "'b.fasta' on the command line belongs to no option; sev"),
        (f"{RUN} a.fq b.fq", ["a.fq", "b.fq"], "'a.fq b.fq' on the command line belongs to no"),
        (f"{RUN} -profile test docker", ["docker"], "'docker' on the command line belongs to no"),
        (f"{RUN} -profile test, docker", ["docker"], "'docker' on the command line belongs to no"),
    ],
)
def test_words_that_stand_alone_are_named(line: str, words: list[str], message: str) -> None:
    (error,) = asked(command_line=line, arguments=words)["errors"]
    assert error.startswith(message)
    assert ("-profile test,docker" in error) == ("-profile" in line)
    assert ("samplesheet" in error) != ("-profile" in line)


@pytest.mark.parametrize("option", ["-stub", "-stub-run"])
def test_what_nextflow_adds_to_an_option_does_not_stand_alone(option: str) -> None:
    line = f"{RUN} {option}"
    assert asked(command_line=line, arguments=["true"])["errors"] == []
    assert asked(command_line=RUN, arguments=["true"])["errors"] != []
    assert len(asked(command_line=line, arguments=["true", "true"])["errors"]) == 1


class _Installed:
    def __init__(self, folder: Path, requires: list[str] | None) -> None:
        self._folder = folder
        self.requires = requires

    def locate_file(self, name: str) -> Path:
        return self._folder / name


@pytest.mark.parametrize(
    ("requires", "missing"),
    [
        (None, "which lacks virnucpro-core; run 'make setup'"),
        (["numpy>=1", "absent-one[x]<3,>=2", "absent-two>1; extra == 'dev'"], "lacks absent-one; "),
        (["lost_a", "lost_b", "lost_c", "lost_d", "lost_e"], "lost_a, lost_b, lost_c and 2 more;"),
        (["numpy>=1"], None),
    ],
)
def test_packages_that_the_tasks_lack_are_told_before_the_first_of_them(
    monkeypatch: pytest.MonkeyPatch, requires: list[str] | None, missing: str | None
) -> None:
    found = metadata.distributions

    def distributions(*, name: str) -> list[object]:
        if name == "virnucpro-core":
            # What lies in the checkout is no installation.
            checkout = _Installed(REPOSITORY, ["numpy"])
            return [checkout, _Installed(Path("/site"), requires)] if requires else [checkout]
        return list(found(name=name))

    monkeypatch.setattr(_request.metadata, "distributions", distributions)
    errors = asked(command_line=RUN, runs_tasks=True)["errors"]
    assert len(errors) == (missing is not None)
    assert missing is None or missing in errors[0]
    assert asked(command_line=RUN)["errors"] == []
