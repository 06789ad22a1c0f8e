"""Python packages, Nextflow and Java: what there is, and whether it is new enough."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from virnucpro_core._requirements import installed_version, unmet_requirements
from virnucpro_core.diagnosing._finding import Finding, Level

__all__ = ["examine_packages", "examine_programs"]

PACKAGES = "Packages"
PROGRAMS = "Nextflow"

_SHOWN = ("torch", "numpy", "h5py", "pyarrow", "pysam", "dnaio", "tokenizers", "safetensors")
"""Those whose versions a person may be asked for."""

_OPTIONAL = {
    "flash-attn": "attention on CUDA",
    "s3fs": "checkpoints and models on S3",
    "scikit-learn": "training",
    "biopython": "training with GenBank files",
    "sourmash": "training: which genomes are alike",
    "rocrate": "results as an RO-Crate",
}
_PATIENCE_SECONDS = 120.0


def examine_packages() -> Iterator[Finding]:
    """What the package requires, and what it can make use of."""
    versions = {
        name: version for name in _SHOWN if (version := installed_version(name)) is not None
    }
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    python = platform.python_version()
    try:
        problems = unmet_requirements()
    except metadata.PackageNotFoundError:
        yield Finding(
            PACKAGES,
            "required",
            f"Python {python}, {shown}; virnucpro-core itself is not installed, so nothing tells "
            "whether these are all that it needs",
            Level.WARNING,
            "run 'make setup', or pip install it",
            {"python": python, **versions},
        )
    else:
        yield Finding(
            PACKAGES,
            "required",
            "; ".join(problems) or f"Python {python}, {shown}",
            Level.PROBLEM if problems else Level.OK,
            "run 'make setup', or pip install virnucpro-core again" if problems else "",
            {"python": python, **versions},
        )
    there = {
        name: version for name in _OPTIONAL if (version := installed_version(name)) is not None
    }
    absent = [f"{name} ({use})" for name, use in _OPTIONAL.items() if name not in there]
    text = ", ".join(f"{name} {version}" for name, version in there.items()) or "none"
    if absent:
        text += f"; not there: {', '.join(absent)}"
    yield Finding(PACKAGES, "optional", text, values=there)


@dataclass(frozen=True, slots=True)
class _Program:
    """A program that the pipeline needs, and the library does not.

    Attributes:
        name: for people.
        command: how it prints its version.
        pattern: finds the version in what it prints.
        least: the oldest version that will do.
        remedy: how to get one.
    """

    name: str
    command: tuple[str, ...]
    pattern: str
    least: tuple[int, ...]
    remedy: str


def examine_programs(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Nextflow and the Java that it would run with; only the pipeline needs them."""
    home = environment.get("JAVA_HOME")
    java = environment.get("JAVA_CMD") or (f"{home}/bin/java" if home else "java")
    programs = (
        _Program(
            "Java",
            (java, "-version"),
            r'version "(\d[\d.]*)',
            (17,),
            "install a JDK of version 17 or later, or set JAVA_HOME",
        ),
        _Program(
            "Nextflow",
            ("nextflow", "-version"),
            r"version (\d[\d.]*\d)",
            (24, 10),
            "run 'make setup' and '. .venv/bin/activate'; the pipeline needs it, virnucpro does "
            "not",
        ),
    )
    for program in programs:
        yield _examine(program, environment)


def _examine(program: _Program, environment: Mapping[str, str]) -> Finding:
    # A program that was called by its path has the others of its environment beside it.
    beside = str(Path(sys.prefix) / "bin")
    search = os.pathsep.join([environment.get("PATH", ""), beside])
    path = shutil.which(program.command[0], path=search)
    if path is None:
        return _absent(program, f"there is no '{program.command[0]}'")
    variables = {**environment, "PATH": search, "NXF_OFFLINE": "true"}
    started = time.perf_counter()
    try:
        done = subprocess.run(
            [path, *program.command[1:]],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except OSError as error:
        return _absent(program, f"{path} does not start ({error})")
    except subprocess.TimeoutExpired:
        return _absent(program, f"{path} gave no answer in {_PATIENCE_SECONDS:.0f} s")
    seconds = time.perf_counter() - started
    found = re.search(program.pattern, done.stdout.decode(errors="replace"))
    if found is None:
        return _absent(program, f"{path} tells no version (exit code {done.returncode})")
    version = tuple(int(part) for part in found[1].split("."))
    values = {"path": path, "version": found[1], "seconds": round(seconds, 2)}
    text = f"{found[1]}, {path}, answered in {seconds:.1f} s"
    if version[: len(program.least)] < program.least:
        least = ".".join(map(str, program.least))
        return _absent(program, f"{text}; {least} or later is needed", values)
    return Finding(PROGRAMS, program.name, text, values=values)


def _absent(program: _Program, text: str, values: Mapping[str, object] | None = None) -> Finding:
    return Finding(PROGRAMS, program.name, text, Level.WARNING, program.remedy, values or {})
