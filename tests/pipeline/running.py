"""Running the pipeline from a test, and reading what it left."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
READS = REPOSITORY / "tests" / "data" / "reads.fasta"
"""24 reads of genomes, seven of them without a complete frame."""


@dataclass(frozen=True, slots=True)
class Run:
    """A finished ``nextflow run``.

    Attributes:
        exit_code: of Nextflow.
        output: all that it printed.
        outdir: the folder of results.
    """

    exit_code: int
    output: str
    outdir: Path

    def tasks(self) -> list[tuple[str, str]]:
        """``(process, status)`` of every task in the trace, sorted."""
        trace = self.outdir / "pipeline_info" / "trace.txt"
        if not trace.exists():
            return []
        rows = read_table(trace)
        return sorted((row["process"].rpartition(":")[2], row["status"]) for row in rows)

    def statuses(self) -> dict[str, set[str]]:
        """The statuses that the tasks of each process ended with."""
        statuses: dict[str, set[str]] = {}
        for process, status in self.tasks():
            statuses.setdefault(process, set()).add(status)
        return statuses

    def count(self, process: str) -> int:
        """How many tasks of a process there were."""
        return Counter(name for name, _ in self.tasks())[process]


def run_pipeline(
    folder: Path,
    *arguments: str | Path,
    project: Path = REPOSITORY,
    profile: str | None = "test",
    outdir: str = "results",
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Run:
    """Run ``nextflow run`` in ``folder``, which then holds the work folder and the cache.

    ``variables`` are added to the environment; ``stdin`` is what standard input gives.
    """
    environment = {**os.environ, "NXF_ANSI_LOG": "false", "NXF_OFFLINE": "true"}
    environment.update(variables or {})
    search = os.pathsep.join([str(Path(sys.prefix) / "bin"), environment.get("PATH", "")])
    # The interpreter of these tests is the one that has the package.
    environment["PATH"] = search
    program = shutil.which("nextflow", path=search)
    assert program, "no nextflow; run `make setup`"
    command = [program, "run", project / "main.nf", "--outdir", outdir, *arguments]
    if profile:
        command += ["-profile", profile]
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    return Run(done.returncode, done.stdout.decode(), folder / outdir)


def read_table(path: Path) -> list[dict[str, str]]:
    """A tab-separated file with a header as a dictionary for each row."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def copy_project(target: Path) -> Path:
    """A copy of everything that ``nextflow run`` needs."""
    target.mkdir()
    (target / "assets").mkdir()
    files = ("main.nf", "nextflow.config", "nextflow_schema.json", "assets/schema_input.json")
    for name in files:
        shutil.copy2(REPOSITORY / name, target / name)
    for name in ("bin", "conf", "lib", "modules", "workflows", "virnucpro_core"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, target / name, ignore=ignored)
    return target
