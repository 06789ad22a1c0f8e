"""Fixtures of the tests of leases."""

from __future__ import annotations

from pathlib import Path

import pytest

from virnucpro_core.embedding import _lease


@pytest.fixture
def leases(tmp_path: Path) -> Path:
    """A directory for lock files, not made yet."""
    return tmp_path / "leases"


@pytest.fixture
def two_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may run on CPUs 0 and 1, and waits for little at a time."""
    monkeypatch.setattr(_lease, "usable_cpus", lambda: {0, 1})
    monkeypatch.setattr(_lease, "_POLL_SECONDS", 0.005)
