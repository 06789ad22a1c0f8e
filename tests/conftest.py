"""What every test has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _leases_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test waits for what else computes on this machine, nor the other way round."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRNUCPRO_LEASE_DIR", str(tmp_path_factory.mktemp("leases")))
        yield
