"""Fetch a pinned set of Java archives from the Maven repository.

    python scripts/jars.py fetch scripts/nextflow.lock .venv/share/nextflow
    python scripts/jars.py lock io.nextflow:nextflow:24.10.0 > scripts/nextflow.lock

A lock names every archive that an artifact needs with its SHA-256, so a set-up gives the same
bytes everywhere.  The resolver is jgo, which needs neither Maven nor Java.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jgo
import requests
from jgo.maven import MavenContext, PythonResolver


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock(coordinate: str) -> None:
    """Print the lock of ``group:artifact:version``."""
    artifacts = sorted(jgo.resolve(coordinate), key=lambda a: (a.groupId, a.artifactId))
    print(f"# made by: python scripts/jars.py lock {coordinate}")
    for artifact in artifacts:
        name = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        print(f"{sha256(artifact.resolve())}  {name}")


def read_lock(path: Path) -> list[tuple[str, str]]:
    """``(sha256, group:artifact:version)`` for each line."""
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    return [(digest, name) for digest, name in (line.split() for line in lines)]


def fetch(lock_file: Path, folder: Path) -> None:
    """Make ``folder`` hold exactly the archives of the lock; whatever is right already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = read_lock(lock_file)
    maven = MavenContext(resolver=PythonResolver())

    def one(entry: tuple[str, str]) -> str:
        digest, coordinate = entry
        group, name, version = coordinate.split(":")
        target = folder / f"{name}-{version}.jar"
        if target.exists() and sha256(target) == digest:
            return target.name
        artifact = maven.project(group, name).at_version(version).artifact()
        source = artifact.resolve()
        if sha256(source) != digest:
            # What an interrupted download left in the local repository; once more from afar.
            source.unlink()
            source = artifact.resolve()
        if sha256(source) != digest:
            sys.exit(f"error: {coordinate} is not the archive that {lock_file} names")
        part = target.with_suffix(f".{os.getpid()}.part")
        shutil.copyfile(source, part)
        part.replace(target)
        return target.name

    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(one, wanted))
    for stale in set(folder.glob("*.jar")) - {folder / name for name in names}:
        stale.unlink()


def main(argv: list[str]) -> None:
    try:
        match argv:
            case ["lock", coordinate]:
                lock(coordinate)
            case ["fetch", lock_file, folder]:
                fetch(Path(lock_file), Path(folder))
            case _:
                sys.exit(__doc__)
    except requests.RequestException as error:
        sys.exit(f"error: the Maven repository cannot be reached: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
