"""What every test has."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _leases_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test waits for what else computes on this machine, nor the other way round."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRNUCPRO_LEASE_DIR", str(tmp_path_factory.mktemp("leases")))
        yield


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in memory with these options; mounted again, it takes new ones."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def mount_it(options: str) -> Path:
        nonlocal mounted
        options = f"remount,{options}" if mounted else options
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"needs the right to mount ({done.stderr.strip()})")
        mounted = True
        return folder

    if not shutil.which("mount"):
        pytest.skip("needs the command mount")
    yield mount_it
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)
