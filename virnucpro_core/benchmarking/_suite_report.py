"""What a suite measured: panels of points, targets they are held against, checks of equality."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft202012Validator

from virnucpro_core.errors import StoreError, VirnucproError
from virnucpro_core.reporting import Json, describe_machine, describe_versions, read_json_object

__all__ = [
    "SUITE_SCHEMA_VERSION",
    "Check",
    "Panel",
    "Point",
    "SuiteReport",
    "Target",
    "read_suite_report",
    "refuse_unequal",
]

SUITE_SCHEMA_VERSION = 1

Better = Literal["higher", "lower", ""]
Bound = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Point:
    """One measured thing.

    Attributes:
        name: what was measured, unique in its panel.
        values: one finite number of each round, in order; at least one.
        at: where it lies on the panel's axis; None for a panel of bars.
        series: the line that it is a point of, where a panel has several.
    """

    name: str
    values: tuple[float, ...]
    at: float | None = None
    series: str = ""

    def __post_init__(self) -> None:
        if not self.values or not all(map(math.isfinite, self.values)):
            raise ValueError(f"{self.name}: {self.values} are no measured numbers")

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Panel:
    """Points of one unit: a table and a figure of the report.

    Attributes:
        title: what it shows, unique in its report.
        unit: of all its points.
        points: at least one.
        better: which way is good; empty where neither is.
        axis: what ``at`` of the points is, for a line; empty for bars.
    """

    title: str
    unit: str
    points: tuple[Point, ...]
    better: Better = ""
    axis: str = ""

    def __post_init__(self) -> None:
        names = [point.name for point in self.points]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"{self.title}: no points, or two of one name: {names}")
        if any((point.at is None) is bool(self.axis) for point in self.points):
            raise ValueError(f"{self.title}: points have a place where the panel has an axis")


@dataclass(frozen=True, slots=True)
class Target:
    """What a measured number is held against. Missing it is reported and nothing more.

    Attributes:
        name: what is measured.
        bound: whether ``limit`` is the least or the most.
        limit: the stated number.
        measured: the median; None where it could not be measured.
        reason: why this limit.
        why_missing: why there is no measured number.
    """

    name: str
    bound: Bound
    limit: float
    measured: float | None
    reason: str
    why_missing: str = ""

    def __post_init__(self) -> None:
        if (self.measured is None) is not bool(self.why_missing):
            raise ValueError(f"{self.name}: either a measured number or why there is none")

    @property
    def outcome(self) -> str:
        """``pass``, ``miss`` or ``not measured``."""
        if self.measured is None:
            return "not measured"
        is_least = self.bound == "at least"
        passed = self.measured >= self.limit if is_least else self.measured <= self.limit
        return "pass" if passed else "miss"


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be so whatever the machine: its failure is an error.

    Attributes:
        name: what must be so.
        passed: whether it is.
        detail: the numbers or digests that say so.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """Everything that a suite measured.

    Attributes:
        suite: name of the suite.
        settings: what it was told, and what became of it here.
        panels, targets, checks: what it found.
        notes: what else a reader must know, a sentence each.
        seconds: how long the suite took.
        machine: what it ran on.
        versions: of Python and the packages.
    """

    suite: str
    settings: Mapping[str, Json]
    panels: Sequence[Panel]
    targets: Sequence[Target] = ()
    checks: Sequence[Check] = ()
    notes: Sequence[str] = ()
    seconds: float = 0.0
    machine: Mapping[str, Any] = field(default_factory=describe_machine)
    versions: Mapping[str, Json] = field(default_factory=describe_versions)

    def failed(self) -> list[Check]:
        """The checks that did not pass."""
        return [check for check in self.checks if not check.passed]

    def panel(self, title: str) -> Panel | None:
        """The panel of this title."""
        return next((panel for panel in self.panels if panel.title == title), None)

    def to_json(self) -> str:
        """The report as ``suite.schema.json`` describes it."""
        content = {
            "schema_version": SUITE_SCHEMA_VERSION,
            "suite": self.suite,
            "settings": self.settings,
            "machine": self.machine,
            "versions": self.versions,
            "seconds": self.seconds,
            "panels": [_panel_json(panel) for panel in self.panels],
            "targets": [
                {
                    "name": target.name,
                    "bound": target.bound,
                    "limit": target.limit,
                    "measured": target.measured,
                    "outcome": target.outcome,
                    "reason": target.reason,
                    "why_missing": target.why_missing,
                }
                for target in self.targets
            ],
            "checks": [
                {"name": check.name, "passed": check.passed, "detail": check.detail}
                for check in self.checks
            ],
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_suite_report(path: Path) -> SuiteReport:
    """Read the JSON of a report.

    Raises:
        StoreError: the file cannot be read, or is not a report of this schema version.
    """
    content = read_json_object(path)
    version = content.get("schema_version")
    if isinstance(version, int) and "suite" in content and version != SUITE_SCHEMA_VERSION:
        raise StoreError(
            f"has schema version {version}, this is of version {SUITE_SCHEMA_VERSION}",
            where=str(path),
            remedy="measure again with this version of virnucpro",
        )
    problem = next(_validator().iter_errors(content), None)
    if problem is not None:
        place = problem.json_path.removeprefix("$").lstrip(".") or "the document"
        raise StoreError(
            f"is not the report of a suite ({place}: {problem.message[:120]})",
            where=str(path),
            remedy="give a file that 'virnucpro bench' wrote",
        )
    try:
        return SuiteReport(
            suite=content["suite"],
            settings=content["settings"],
            panels=[_parse_panel(panel) for panel in content["panels"]],
            targets=[
                Target(**{key: value for key, value in target.items() if key != "outcome"})
                for target in content["targets"]
            ],
            checks=[Check(**check) for check in content["checks"]],
            notes=content["notes"],
            seconds=content["seconds"],
            machine=content["machine"],
            versions=content["versions"],
        )
    except ValueError as error:
        raise StoreError(f"contradicts itself ({error})", where=str(path)) from error


def refuse_unequal(report: SuiteReport) -> None:
    """Say which checks of a report failed.

    Raises:
        VirnucproError: at least one did.
    """
    failed = report.failed()
    if failed:
        told = "; ".join(f"{check.name} ({check.detail})" for check in failed)
        raise VirnucproError(
            f"{len(failed)} of {len(report.checks)} checks failed: {told}",
            where=f"suite {report.suite}",
            # A failed task publishes nothing.
            remedy="results must not differ: please report this with the JSON of the suite (of a "
            "pipeline in benchmarks/ of the task's work folder, not among the results)",
        )


def _panel_json(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title,
        "unit": panel.unit,
        "better": panel.better,
        "axis": panel.axis,
        "points": [
            {
                "name": point.name,
                "series": point.series,
                "at": point.at,
                "values": list(point.values),
                "median": point.median,
                "min": min(point.values),
                "max": max(point.values),
            }
            for point in panel.points
        ],
    }


def _parse_panel(panel: Mapping[str, Any]) -> Panel:
    points = tuple(
        Point(point["name"], tuple(point["values"]), point["at"], point["series"])
        for point in panel["points"]
    )
    return Panel(panel["title"], panel["unit"], points, panel["better"], panel["axis"])


@cache
def _validator() -> Draft202012Validator:
    schema = resources.files("virnucpro_core.benchmarking").joinpath("suite.schema.json")
    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
