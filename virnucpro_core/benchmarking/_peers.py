"""Virtual environments for the programs that the embedding is measured against.

Each has its own, because their requirements contradict each other. PyTorch is not installed again:
every environment also sees the packages of this one, behind its own. With them pip finds PyTorch
installed already.
"""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import virnucpro_core
from virnucpro_core.errors import VirnucproError

__all__ = ["PEERS", "Peer", "interpreter_of"]

_INSTALL_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Peer:
    """A program on PyPI.

    Attributes:
        requirements: what pip installs, with versions.
        module: what is imported; where this environment has it, none is made.
        dependencies: whether pip installs what the requirements require.
    """

    requirements: tuple[str, ...]
    module: str
    dependencies: bool = True


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "fair-esm": Peer(("fair-esm==2.0.0",), "esm"),
        "transformers": Peer(("transformers==5.23.0",), "transformers"),
        # It takes names from transformers that later versions do not have.
        "faesm": Peer(("faesm==0.1.1", "transformers==4.48.3"), "faesm"),
        # Without its dependencies: one is flash-attn, which only builds where CUDA is.
        "esm-efficient": Peer(
            ("esm-efficient==0.0.9", "einops==0.8.2"), "esme", dependencies=False
        ),
        "esm-cpp": Peer(("esm-cpp==0.2.1",), "esm_cpp"),
    }
)


def interpreter_of(name: str, directory: Path) -> str:
    """The Python that has the peer ``name``, installed into ``directory`` if need be.

    Raises:
        VirnucproError: the environment cannot be made, or pip fails.
    """
    peer = PEERS[name]
    if find_spec(peer.module) is not None:
        return sys.executable
    home = directory / name
    python = home / "bin" / "python"
    # The versions stand in the mark: an environment of an earlier version is made again.
    mark, wanted = home / "installed", "\n".join(peer.requirements)
    if mark.exists() and mark.read_text() == wanted:
        return str(python)
    shutil.rmtree(home, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(home)])
    packages = Path(
        _run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    )
    ours = [*site.getsitepackages(), str(Path(virnucpro_core.__file__).parents[1])]
    (packages / "virnucpro_peers.pth").write_text("".join(f"{path}\n" for path in ours))
    constraint = home / "constraints.txt"
    constraint.write_text(f"torch=={metadata.version('torch').split('+')[0]}\n")
    options = ["--constraint", str(constraint), *([] if peer.dependencies else ["--no-deps"])]
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
    _run([*install, *options, *peer.requirements])
    mark.write_text(wanted)
    return str(python)


def _run(command: list[str]) -> str:
    what = " ".join(command[1:4])
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise VirnucproError(f"{what} took longer than {_INSTALL_SECONDS} s") from error
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise VirnucproError(f"{what} failed: {errors[-1] if errors else done.returncode}")
    return done.stdout
