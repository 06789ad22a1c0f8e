"""Leases of CPUs: a task takes as many as it has threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.embedding import leasing
from tests.unit.embedding.leasing import (
    CONTEXT,
    finish,
    is_free,
    lease,
    most_at_once,
    received,
    start,
)
from virnucpro_core.embedding import _lease

pytestmark = pytest.mark.usefixtures("two_cpus")


@pytest.mark.parametrize("threads", [0, 2, 64])
def test_tasks_that_need_all_cores_compute_one_after_the_other(
    leases: Path, tmp_path: Path, threads: int
) -> None:
    cpus = os.sched_getaffinity(0)
    arguments = (leases, tmp_path / "log", 0, None, cpus)
    finish(*(start(leasing.compute, *arguments) for _ in range(3)))
    assert most_at_once(tmp_path / "log") == len(cpus)
    with lease("cpu", leases, threads=threads):
        assert not is_free("cpu", leases, threads=1)


def test_tasks_whose_threads_fit_compute_together(leases: Path, tmp_path: Path) -> None:
    cpus = set(sorted(os.sched_getaffinity(0))[:2])
    if len(cpus) < 2:
        pytest.skip("this process may run on one CPU only")
    both = CONTEXT.Barrier(2)
    arguments = (leases, tmp_path / "log", 1, both, cpus)
    finish(*(start(leasing.compute, *arguments) for _ in range(2)))
    assert most_at_once(tmp_path / "log") == 2
    with lease("cpu", leases, threads=1), lease("cpu", leases, threads=1):
        assert not is_free("cpu", leases, threads=1)


def test_tasks_with_cpus_of_their_own_compute_together(leases: Path, tmp_path: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("this process may run on one CPU only")
    both = CONTEXT.Barrier(2)
    arguments = (leases, tmp_path / "log", 0, both)
    finish(*(start(leasing.compute, *arguments, {cpu}) for cpu in cpus[:2]))
    assert most_at_once(tmp_path / "log") == 2


def test_who_waits_for_cpus_is_in_nobodys_way_who_has_others(
    leases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = CONTEXT.Pipe()
    with lease("cpu", leases, threads=1):
        process = start(leasing.take_all, leases, theirs, {0, 1})
        assert str(received(mine)).startswith("waiting for 2 of cpu 0-1: cpu 0 held by pid")
        monkeypatch.setattr(_lease, "usable_cpus", lambda: {2, 3})
        assert is_free("cpu", leases)
        monkeypatch.setattr(_lease, "usable_cpus", lambda: {1, 2})
        assert not is_free("cpu", leases)
    assert received(mine) == "computes"
    finish(process)


def test_who_needs_all_cores_is_not_starved_by_those_who_need_one(leases: Path) -> None:
    mine, theirs = CONTEXT.Pipe()
    with lease("cpu", leases, threads=1):
        process = start(leasing.take_all, leases, theirs, {0, 1})
        received(mine)
        # The other CPU is kept for the one that waits.
        assert not is_free("cpu", leases, threads=1)
    assert received(mine) == "computes"
    finish(process)


def test_takers_of_any_number_out_of_any_cpus_all_finish(leases: Path, tmp_path: Path) -> None:
    finish(*(start(leasing.take_at_random, leases, tmp_path / "log", seed) for seed in range(10)))
    assert (tmp_path / "log").read_text().count("enter") == 60
    assert most_at_once(tmp_path / "log") <= 4
