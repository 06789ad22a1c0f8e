"""What a process may use: CPUs and memory, by affinity, control groups and what it was given."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from virnucpro_core._limits import available_cpus, cpu_quota, memory_limit, usable_cpus
from virnucpro_core.errors import UsageError

MANY = set(range(64))


class Machine:
    """A process as /proc describes it, and control groups in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process = root / "self"
        self.process.mkdir()

    def mount(self, point: str, kind: str, root: str = "/", options: str = "rw") -> None:
        with (self.process / "mountinfo").open("a") as file:
            file.write(f"32 31 0:29 {root} {self.root / point} rw - {kind} {kind} {options}\n")

    def belongs(self, line: str) -> None:
        with (self.process / "cgroup").open("a") as file:
            file.write(f"{line}\n")

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(f"{text}\n")

    def cpus(self, environment: dict[str, str] | None = None) -> int:
        return available_cpus(MANY, environment=environment or {}, process=self.process)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_a_quota_all_cpus_that_it_may_run_on_are_available(machine: Machine) -> None:
    assert machine.cpus() == 64
    machine.mount("cgroup", "cgroup2")
    machine.belongs("0::/user.slice")
    machine.write("cgroup/user.slice/cpu.max", "max 100000")
    assert machine.cpus() == 64
    assert cpu_quota(machine.process) is None
    assert memory_limit(machine.process) is None


@pytest.mark.parametrize(
    ("own", "above", "cpus"),
    [
        ("200000 100000", "max 100000", 2),
        ("max 100000", "150000 100000", 2),
        ("1000 100000", "", 1),
    ],
)
def test_the_least_quota_of_a_group_and_those_above_it_counts(
    machine: Machine, own: str, above: str, cpus: int
) -> None:
    machine.mount("cgroup", "cgroup2")
    machine.belongs("0::/batch/job 7/step")
    machine.write("cgroup/batch/job 7/step/cpu.max", own)
    if above:
        machine.write("cgroup/batch/cpu.max", above)
    assert machine.cpus() == cpus


def test_groups_of_version_1_are_read(machine: Machine) -> None:
    machine.mount("cpu", "cgroup", options="rw,cpu,cpuacct")
    machine.mount("memory", "cgroup", options="rw,memory")
    machine.belongs("4:memory:/docker/a")
    machine.belongs("1:cpu,cpuacct:/docker/a")
    machine.write("cpu/docker/a/cpu.cfs_quota_us", "-1")
    machine.write("cpu/docker/a/cpu.cfs_period_us", "100000")
    assert machine.cpus() == 64
    machine.write("cpu/docker/cpu.cfs_quota_us", "350000")
    machine.write("cpu/docker/cpu.cfs_period_us", "100000")
    assert machine.cpus() == 4
    machine.write("memory/memory.limit_in_bytes", "9223372036854771712")
    machine.write("memory/docker/a/memory.limit_in_bytes", str(4 << 30))
    assert memory_limit(machine.process) == 4 << 30


def test_a_container_finds_its_group_where_it_is_mounted(machine: Machine) -> None:
    # Of version 1 it sees its own group only, as the root, and the name that it has outside.
    machine.mount("cpu", "cgroup", root="/docker/a", options="rw,cpu")
    machine.belongs("1:cpu:/docker/a/in")
    machine.write("cpu/cpu.cfs_quota_us", "500000")
    machine.write("cpu/cpu.cfs_period_us", "100000")
    assert machine.cpus() == 5
    machine.write("cpu/in/cpu.cfs_quota_us", "300000")
    machine.write("cpu/in/cpu.cfs_period_us", "100000")
    assert machine.cpus() == 3


@pytest.mark.parametrize("name", ["/docker/a", "/../../outside"])
def test_a_group_whose_name_is_not_mounted_is_the_one_that_is(machine: Machine, name: str) -> None:
    machine.mount("cgroup", "cgroup2", root="/" if ".." in name else "/elsewhere")
    machine.belongs(f"0::{name}")
    machine.write("cgroup/cpu.max", "200000 100000")
    machine.write("cgroup/memory.max", "2147483648")
    assert machine.cpus() == 2
    assert memory_limit(machine.process) == 2 << 30


def test_a_task_or_job_has_what_it_was_given(machine: Machine) -> None:
    assert machine.cpus({"VIRNUCPRO_CPUS": "8", "SLURM_CPUS_PER_TASK": ""}) == 8
    # The job that Nextflow runs in, or a leftover: the lesser is the task's.
    assert machine.cpus({"VIRNUCPRO_CPUS": "8", "SLURM_CPUS_PER_TASK": "3"}) == 3
    assert machine.cpus({"VIRNUCPRO_CPUS": "100"}) == 64


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "two"])
def test_a_number_that_is_none_is_told(machine: Machine, value: str) -> None:
    with pytest.raises(UsageError, match=rf"VIRNUCPRO_CPUS is '{value}'"):
        machine.cpus({"VIRNUCPRO_CPUS": value})


@pytest.fixture
def half_a_cpu() -> Iterator[Path]:
    """The ``cgroup.procs`` of a group below one with a quota of half a CPU."""
    roots = [Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")]
    root = next((r for r in roots if (r / "cgroup.procs").exists()), None)
    if root is None:
        pytest.skip("there are no control groups")
    above = root / f"virnucpro-test-{os.getpid()}"
    try:
        above.mkdir()
    except OSError as error:
        pytest.skip(f"needs the right to make control groups ({error})")
    inner = above / "in"
    try:
        inner.mkdir()
        if (above / "cpu.cfs_quota_us").exists():
            (above / "cpu.cfs_quota_us").write_text("50000")
        elif (above / "cpu.max").exists():
            (above / "cpu.max").write_text("50000 100000")
        else:
            pytest.skip("the controller of CPUs is not for groups here")
        yield inner / "cgroup.procs"
    finally:
        inner.rmdir()
        above.rmdir()


def test_a_real_quota_bounds_the_threads_of_all_libraries(half_a_cpu: Path) -> None:
    if len(usable_cpus()) < 2:
        pytest.skip("this process may run on one CPU only")
    program = (
        "import sys; sys.argv[1:] = ['--version']; "
        "from virnucpro_core.cli import main; main(); "
        "import pyarrow, torch; print(pyarrow.cpu_count(), torch.get_num_threads())"
    )
    join = 'echo $$ > "$1"; shift; exec "$@"'
    command = ["sh", "-c", join, "sh", str(half_a_cpu), sys.executable, "-c", program]
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["1 1"], done.stderr
