"""``run.json``: what made a sample's results — versions, parameters, digests — and their counts.

Imports the standard library only, like all of this package.
"""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

from virnucpro_core import __version__
from virnucpro_core._files import AtomicFile, readable_name, sha256_of_file
from virnucpro_core.errors import InputError, StoreError
from virnucpro_core.reporting._machine import describe_machine

__all__ = ["RUN_JSON_SCHEMA_VERSION", "Json", "describe_versions", "write_run_json"]

RUN_JSON_SCHEMA_VERSION = 1

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
"""What a JSON file can hold."""

_PACKAGES = (
    "torch", "numpy", "h5py", "pyarrow", "dnaio", "pysam", "safetensors", "tokenizers", "altair",
)  # fmt: skip
# What is counted of a result table, by the column that tells the tables of the tasks apart: of
# predict the calls, of embed what became of each record, of train the windows of each part.
_COUNTED = {
    "call": {"virus": "virus", "non-virus": "non_virus", "not-scorable": "not_scorable"},
    "status": {"embedded": "embedded", "not-embedded": "not_embedded"},
    "split": {"train": "train", "validation": "validation", "test": "test"},
}
_SUMMED = {
    "call": {
        "length": "bases",
        "n_chunks": "chunks",
        "n_uninformative": "uninformative_chunks",
        "n_frames": "frames",
        "n_partial_frames": "partial_frames",
    },
    "status": {"length": "letters"},
    "split": {"length": "bases", "n_frames": "frames"},
}


def write_run_json(
    path: Path,
    *,
    sample: str,
    sequences: Path,
    reads: Sequence[Path],
    parameters: Mapping[str, Json],
    bundle_name: str,
    bundle_sha256: str,
    code_sha256: str,
    command: Sequence[str],
    nextflow_version: str | None = None,
    started: str | None = None,
    finished: str | None = None,
) -> None:
    """Write the provenance of a sample's results, whole or not at all.

    Two runs of one command on one machine write equal bytes, unless times are given: nothing here
    reads the clock. Input files are named without their folder, which differs between runs.

    Args:
        path: the file to write.
        sample: name of the sample.
        sequences: its ``sequences.tsv``, for the counts.
        reads: its input files, for their digests.
        parameters: the pipeline's parameters.
        bundle_name: name of the model bundle.
        bundle_sha256: digest of the model bundle.
        code_sha256: digest of the code that ran.
        command: the command line, an argument each.
        nextflow_version: version of Nextflow, where it ran this.
        started: when the run began, ISO 8601.
        finished: when it ended, ISO 8601.

    Raises:
        InputError: a file of reads cannot be read.
        StoreError: ``sequences`` is not a result table, or ``path`` cannot be written.
    """
    content: dict[str, Json] = {
        "schema_version": RUN_JSON_SCHEMA_VERSION,
        "sample": sample,
        **_counts(sequences),
        "inputs": [_input(file) for file in reads],
        # Sorted at every depth: the order of a parameters file is not part of what was run.
        "parameters": json.loads(json.dumps(parameters, sort_keys=True, allow_nan=False)),
        "bundle": {"name": bundle_name, "sha256": bundle_sha256},
        "code": {"sha256": code_sha256},
        "command": list(command),
        "versions": describe_versions(nextflow_version),
        "machine": describe_machine(),
    }
    times = {"started": started, "finished": finished}
    content.update({name: time for name, time in times.items() if time is not None})
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with AtomicFile(path) as file:
        file.write(f"{text}\n".encode())


def _counts(sequences: Path) -> dict[str, Json]:
    """The counts of a result table, and of a calibrated one the records called virus by tier."""
    counts = {"records": 0}
    tiers: dict[str, int] = {}
    try:
        with sequences.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            columns = reader.fieldnames or ()
            outcome = next((name for name in _COUNTED if name in columns), "call")
            name_of, sums = _COUNTED[outcome], _SUMMED[outcome]
            missing = {outcome, *sums} - set(columns)
            if missing:
                raise KeyError(min(missing))
            counts |= dict.fromkeys((*name_of.values(), *sums.values()), 0)
            for row in reader:
                counts["records"] += 1
                counts[name_of[row[outcome]]] += 1
                for column, name in sums.items():
                    counts[name] += int(row[column])
                tier = row.get("tier") or "NA"
                if tier != "NA" and row[outcome] == "virus":
                    tiers[tier] = tiers.get(tier, 0) + 1
    except OSError as error:
        raise StoreError(f"cannot be read ({error})", where=str(sequences)) from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise StoreError(
            f"is not a result table ({error!r} at record {counts['records']})",
            where=str(sequences),
            remedy="give the sequences.tsv of this sample",
        ) from error
    content: dict[str, Json] = {"counts": counts}
    if tiers:
        content["virus_by_tier"] = dict(sorted(tiers.items()))
    return content


def _input(file: Path) -> dict[str, Json]:
    try:
        return {
            "name": readable_name(file),
            "bytes": file.stat().st_size,
            "sha256": sha256_of_file(file),
        }
    except OSError as error:
        raise InputError(f"cannot be read ({error})", where=str(file)) from error


def describe_versions(nextflow_version: str | None = None) -> dict[str, Json]:
    """Versions by name; null for a package that is not installed where this runs."""
    versions: dict[str, Json] = {"virnucpro": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    if nextflow_version is not None:
        versions["nextflow"] = nextflow_version
    return versions
