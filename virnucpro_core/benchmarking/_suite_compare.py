"""Two reports of one suite, measure by measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from virnucpro_core.benchmarking._suite_markdown import format_number
from virnucpro_core.benchmarking._suite_report import Panel, Point, SuiteReport
from virnucpro_core.errors import UsageError

__all__ = ["SuiteComparison", "compare_suites"]

_DECISIVE = ("model", "input", "quick", "against", "device", "precision", "threads")
"""Settings without which two numbers are about the same thing."""


@dataclass(frozen=True, slots=True)
class ComparedPoint:
    """A measured thing in both reports.

    Attributes:
        panel: the panel in the new report.
        old, new: the points.
    """

    panel: Panel
    old: Point
    new: Point

    @property
    def ratio(self) -> float | None:
        """Median of the new over that of the old; None where the old one is 0."""
        return self.new.median / self.old.median if self.old.median else None

    @property
    def change(self) -> str:
        """``better``, ``worse`` or ``changed`` where all rounds of one are beyond all of the other;
        empty where they overlap, or where there is one round of each and so no spread."""
        if len(self.old.values) == 1 == len(self.new.values):
            return ""
        is_lower = max(self.new.values) < min(self.old.values)
        is_higher = min(self.new.values) > max(self.old.values)
        if not (is_lower or is_higher):
            return ""
        if not self.panel.better:
            return "changed"
        return "better" if is_higher is (self.panel.better == "higher") else "worse"


@dataclass(frozen=True, slots=True)
class SuiteComparison:
    """What `compare_suites` found.

    Attributes:
        suite: name of the suite.
        points: in both reports, in the order of the new one.
        only_old, only_new: names of what is in one of them.
        warnings: why the numbers may not be comparable, a line each.
    """

    suite: str
    points: tuple[ComparedPoint, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"Suite {self.suite}, {len(self.points)} measures", ""]
        lines += [
            "| measure | unit | old (min–max) | new (min–max) | new / old | beyond the spread |"
        ]
        lines += ["|---|---|---|---|---|---|"]
        for point in self.points:
            ratio = "–" if point.ratio is None else f"{point.ratio:.2f}"
            lines.append(
                f"| {point.panel.title}: {point.new.name} | {point.panel.unit} | "
                f"{_spread(point.old)} | {_spread(point.new)} | {ratio} | {point.change} |"
            )
        for name, only in (("old", self.only_old), ("new", self.only_new)):
            if only:
                lines += ["", f"Only in the {name} report: {'; '.join(only)}"]
        return "\n".join(lines)


def compare_suites(old: SuiteReport, new: SuiteReport) -> SuiteComparison:
    """Compare two reports of one suite.

    Raises:
        UsageError: they are of different suites, or have no measure in common.
    """
    if old.suite != new.suite:
        raise UsageError(
            f"the old report is of suite {old.suite}, the new one of {new.suite}",
            remedy="give two reports of one suite",
        )
    before, after = _points(old), _points(new)
    common = [key for key in after if key in before and after[key][0].unit == before[key][0].unit]
    if not common:
        raise UsageError(
            f"the two reports of suite {old.suite} have no measure in common",
            remedy="measure both with one model",
        )
    return SuiteComparison(
        suite=new.suite,
        points=tuple(ComparedPoint(after[key][0], before[key][1], after[key][1]) for key in common),
        only_old=tuple(": ".join(key) for key in before if key not in common),
        only_new=tuple(": ".join(key) for key in after if key not in common),
        warnings=(
            *_differences("machine", old.machine, new.machine, tuple(new.machine)),
            *_differences("setting", old.settings, new.settings, _DECISIVE),
            *_differences("version", old.versions, new.versions, ("python", "torch", "numpy")),
        ),
    )


def _points(report: SuiteReport) -> dict[tuple[str, str], tuple[Panel, Point]]:
    return {
        (panel.title, point.name): (panel, point)
        for panel in report.panels
        for point in panel.points
    }


def _differences(
    what: str, old: Mapping[str, Any], new: Mapping[str, Any], names: tuple[str, ...]
) -> list[str]:
    return [
        f"{what} {name} differs: {old.get(name)} before, {new.get(name)} now"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _spread(point: Point) -> str:
    middle = format_number(point.median)
    if len(point.values) == 1:
        return middle
    return f"{middle} ({format_number(min(point.values))}–{format_number(max(point.values))})"
