"""The samples of a run, as their ``run.json`` files tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virnucpro_core.errors import StoreError
from virnucpro_core.reporting._json_files import read_json_object

__all__ = ["FailedSample", "RunSample", "all_tiers", "find_failed_samples", "read_run_samples"]


@dataclass(frozen=True, slots=True)
class RunSample:
    """A sample.

    Attributes:
        name: its name.
        counts: its records, bases and frames, by outcome; which there are depends on the task.
        tiers: records called virus by tier; empty without a calibration.
        model: name of the bundle.
        versions: of software, by name.
    """

    name: str
    counts: Mapping[str, int]
    tiers: Mapping[str, int]
    model: str
    versions: Mapping[str, str | None]

    @property
    def is_called(self) -> bool:
        """Whether its records were called, and not only embedded."""
        return "virus" in self.counts


@dataclass(frozen=True, slots=True)
class FailedSample:
    """A sample without results.

    Attributes:
        name: its name.
        reason: what is wrong with it and what to do, one line.
    """

    name: str
    reason: str


_TASK_FAILED = (
    "one of its tasks failed; the last lines of the run say which, and start with -resume to go on"
)


def find_failed_samples(
    given: Sequence[str], samples: Sequence[RunSample], notes: Path | None = None
) -> list[FailedSample]:
    """The samples that have no results, in the order in which they were given.

    Args:
        given: the names of all samples of the run.
        samples: those that have results.
        notes: a folder with the ``<sample>.failure.json`` of samples whose input is at fault.

    Raises:
        StoreError: a note cannot be read.
    """
    found = {sample.name for sample in samples}
    failed = []
    for name in given:
        if name in found:
            continue
        path = None if notes is None else notes / f"{name}.failure.json"
        reason = _TASK_FAILED
        if path is not None and path.exists():
            reason = str(read_json_object(path).get("error"))
        failed.append(FailedSample(name, reason))
    return failed


def read_run_samples(folder: Path) -> list[RunSample]:
    """Every sample whose ``run.json`` lies in a folder of ``folder``, by name.

    Raises:
        StoreError: there is none, or one cannot be read.
    """
    paths = sorted(folder.glob("*/run.json"))
    if not paths:
        raise StoreError(
            "no folder in it has a run.json",
            where=str(folder),
            remedy="give the folder that --outdir named",
        )
    return sorted((_sample(path) for path in paths), key=lambda sample: sample.name)


def _sample(path: Path) -> RunSample:
    run: dict[str, Any] = read_json_object(path)
    try:
        return RunSample(
            name=run["sample"],
            counts=run["counts"],
            tiers=run.get("virus_by_tier") or {},
            model=run["bundle"]["name"],
            versions=run["versions"],
        )
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"is not a run.json ({error!r} is missing)",
            where=str(path),
            remedy="run the sample again",
        ) from error


def all_tiers(samples: Sequence[RunSample]) -> list[str]:
    """The tiers of the samples, in no order."""
    return sorted({tier for sample in samples for tier in sample.tiers})
