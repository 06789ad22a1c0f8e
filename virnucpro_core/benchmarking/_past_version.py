"""An older version of this project, from the history of its repository."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from virnucpro_core.errors import UsageError

__all__ = ["unpack_version"]

_REPOSITORY = Path(__file__).parents[2]


def unpack_version(ref: str, folder: Path, repository: Path = _REPOSITORY) -> str:
    """Write the files of the commit ``ref`` to ``folder``, which is made; gives the commit.

    The repository and its work tree stay as they are.

    Args:
        ref: a commit, a tag or a branch.
        folder: where they go.
        repository: the one of this project.

    Raises:
        UsageError: there is no git, no repository or no such commit, or it has no package.
    """
    if not (repository / ".git").exists():
        raise UsageError(
            f"version {ref} is in the history of the project, and this is not its repository",
            where=str(repository),
            remedy="run from a clone, or leave out --against",
        )
    commit = _git(repository, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    folder.mkdir(parents=True)
    archive = folder / "files.zip"
    _git(repository, "archive", "--format=zip", "-o", str(archive), commit)
    # A tar needs a filter to be safe, which the first releases of Python 3.10 and 3.11 lack.
    with zipfile.ZipFile(archive) as files:
        files.extractall(folder)
    archive.unlink()
    if not (folder / "virnucpro_core" / "cli").is_dir():
        raise UsageError(
            f"version {ref} has no package virnucpro_core with commands",
            remedy="name a later commit",
        )
    return commit


def _git(repository: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise UsageError(
            "git is not installed, and --against needs it", remedy="install it"
        ) from error
    if done.returncode != 0:
        told = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UsageError(f"'git {words[0]}' failed: {told}", remedy="give a commit that exists")
    return done.stdout.strip()
