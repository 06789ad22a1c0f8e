"""What of this machine a process may use: its CPUs and its memory. Standard library only.

A scheduler or a container sets bounds in several ways, and none of them knows of the others: the
CPUs that a process may run on, the time of its control group and of those above it (versions 1 and
2), and what a job or a task was given, in its environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path, PurePosixPath

from virnucpro_core.errors import UsageError

__all__ = ["available_cpus", "cpu_quota", "memory_limit", "usable_cpus"]

_GIVEN = ("VIRNUCPRO_CPUS", "SLURM_CPUS_PER_TASK")
"""CPUs that a task of the pipeline has (conf/base.config), and that a job of SLURM asked for."""

_PROCESS = Path("/proc/self")


def usable_cpus() -> set[int]:
    """Numbers of the CPUs that this process may run on (a scheduler may give it some of them)."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def available_cpus(
    cpus: set[int] | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    process: Path = _PROCESS,
) -> int:
    """How many CPUs this process has to itself: what threads and processes are counted by.

    The least of the CPUs that it may run on, the quota of its control groups rounded up, and what
    its task or job was given; at least 1.

    Args:
        cpus: those that it may run on; None for what the system says.
        environment: where ``VIRNUCPRO_CPUS`` and ``SLURM_CPUS_PER_TASK`` are looked up.
        process: where the kernel describes this process.

    Raises:
        UsageError: one of the variables is no whole number of at least 1.
    """
    bounds = [len(usable_cpus() if cpus is None else cpus)]
    quota = cpu_quota(process)
    if quota is not None:
        bounds.append(ceil(quota))
    for variable in _GIVEN:
        value = environment.get(variable, "").strip()
        if value:
            if not value.isdecimal() or int(value) < 1:
                remedy = "set it to a whole number of at least 1, or unset it"
                raise UsageError(f"{variable} is {value!r}", remedy=remedy)
            bounds.append(int(value))
    return max(min(bounds), 1)


def cpu_quota(process: Path = _PROCESS) -> float | None:
    """CPUs' worth of time that the control groups of a process allow it; None for no limit."""
    quotas = []
    for group in _control_groups("cpu", process):
        words = _words(group / "cpu.max")
        if not words:
            words = _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
        # Without a limit the time is 'max' or -1.
        if len(words) >= 2 and words[0].isdecimal() and int(words[0]) and int(words[1]):
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def memory_limit(process: Path = _PROCESS) -> int | None:
    """Bytes of memory that the control groups of a process allow it; None for no limit."""
    limits = []
    for group in _control_groups("memory", process):
        words = _words(group / "memory.max") or _words(group / "memory.limit_in_bytes")
        # A number that no machine has, version 1's for no limit, is not below any machine's memory.
        if words and words[0].isdecimal():
            limits.append(int(words[0]))
    return min(limits, default=None)


def _control_groups(controller: str, process: Path) -> Iterator[Path]:
    """Folders of the groups of ``process`` that bound this resource, from its own to the top."""
    mounts = [_Mount(line) for line in _lines(process / "mountinfo") if " - cgroup" in line]
    for line in _lines(process / "cgroup"):
        # 4:cpu,cpuacct:/docker/<id> of version 1, 0::/user.slice of version 2.
        number, controllers, path = line.split(":", 2)
        is_second = number == "0" and not controllers
        if not is_second and controller not in controllers.split(","):
            continue
        for mount in mounts:
            if mount.is_second if is_second else controller in mount.options:
                yield from mount.folders(PurePosixPath(path))


class _Mount:
    """A line of ``mountinfo``, proc(5): a hierarchy of control groups, and what of it is here."""

    def __init__(self, line: str) -> None:
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split()[:3]
        self.root = PurePosixPath(fields[3])
        self.point = Path(fields[4])
        self.is_second = kind == "cgroup2"
        self.options = options.split(",")

    def folders(self, path: PurePosixPath) -> Iterator[Path]:
        """The folder of the group ``path``, and those above it as far as they are mounted."""
        if path.is_relative_to(self.root):
            inner = self.point / path.relative_to(self.root)
        else:
            # A container that sees its own group only, but the name that it has outside.
            inner = self.point
        while inner != self.point and ".." not in inner.parts:
            yield inner
            inner = inner.parent
        yield self.point


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []  # not every system has it


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
