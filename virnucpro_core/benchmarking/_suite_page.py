"""A suite's report as a page that opens offline."""

from __future__ import annotations

import re

import altair as alt

from virnucpro_core import __version__
from virnucpro_core.benchmarking._suite_markdown import (
    describe_settings,
    format_number,
    summarise_targets,
)
from virnucpro_core.benchmarking._suite_report import Panel, SuiteReport
from virnucpro_core.pages import (
    OKABE_ITO,
    Block,
    Cell,
    Figure,
    KeyNumber,
    KeyNumbers,
    Notices,
    Page,
    Section,
    Table,
    Text,
    chart_rows,
    chart_spec,
)

__all__ = ["suite_page"]

_BAR_HEIGHT, _LINE_HEIGHT = 26, 240
_OUTCOME_COLOURS = {
    "pass": OKABE_ITO["green"],
    "miss": OKABE_ITO["vermilion"],
    "not measured": "#8C8C8C",
}
_LINE_COLOURS = [OKABE_ITO[name] for name in ("blue", "orange", "green", "vermilion", "purple")]


def suite_page(report: SuiteReport) -> Page:
    """The page of a report: targets, checks, a figure for each panel, notes, machine."""
    sections = [*_outcomes(report)]
    for panel in report.panels:
        anchor = "p-" + re.sub(r"[^a-z0-9]+", "-", panel.title.lower()).strip("-")
        sections.append(Section(anchor, panel.title, [_figure(panel)]))
    if report.notes:
        sections.append(Section("notes", "Notes", [Text(note) for note in report.notes]))
    facts: list[tuple[Cell, ...]] = [
        (name, str(value)) for name, value in {**report.machine, **report.versions}.items() if value
    ]
    settings: list[tuple[Cell, ...]] = [
        (name, "–" if value is None else str(value)) for name, value in report.settings.items()
    ]
    tables = [
        Table("Settings", ("setting", "value"), settings),
        Table("Machine and versions", ("what", "value"), facts),
    ]
    sections.append(Section("machine", "Settings, machine, versions", tables))
    lead = f"{describe_settings(report)}; {report.seconds:.0f} s."
    footer = f"Written by virnucpro {__version__}. This page needs no network."
    return Page(f"Benchmark suite {report.suite}", lead, sections, footer)


def _outcomes(report: SuiteReport) -> list[Section]:
    sections = []
    if report.targets:
        outcomes = [target.outcome for target in report.targets]
        numbers = [
            KeyNumber(outcome, str(outcomes.count(outcome)), colour=colour)
            for outcome, colour in _OUTCOME_COLOURS.items()
        ]
        rows: list[tuple[Cell, ...]] = [
            (
                target.name,
                f"{target.bound} {format_number(target.limit)}",
                target.measured,
                target.outcome + (f": {target.why_missing}" if target.why_missing else ""),
                target.reason,
            )
            for target in report.targets
        ]
        columns = ("measured", "target", "median", "outcome", "why this target")
        table = Table(summarise_targets(report), columns, rows)
        sections.append(Section("targets", "Targets", [KeyNumbers(numbers), table]))
    if report.checks:
        blocks: list[Block] = []
        if report.failed():
            blocks.append(Notices([f"{c.name}: {c.detail}" for c in report.failed()]))
        checks: list[tuple[Cell, ...]] = [(c.name, c.passed, c.detail) for c in report.checks]
        heads = ("must be so", "is it", "detail")
        blocks.append(Table("What must be so whatever the machine", heads, checks))
        sections.append(Section("checks", "Checks", blocks))
    return sections


def _figure(panel: Panel) -> Figure:
    wish = f"{panel.better} is better" if panel.better else ""
    rows: list[dict[str, object]] = [
        {
            "name": point.name,
            "series": point.series,
            "at": point.at,
            "median": point.median,
            "low": min(point.values),
            "high": max(point.values),
        }
        for point in panel.points
    ]
    table = Table(
        panel.title,
        ("", panel.unit or "median", "min", "max", "rounds"),
        [
            (point.name, point.median, min(point.values), max(point.values), len(point.values))
            for point in panel.points
        ],
    )
    middles = [point.median for point in panel.points]
    description = (
        f"{len(rows)} medians of {panel.title}, {format_number(min(middles))} to "
        f"{format_number(max(middles))} {panel.unit}, with the lowest and highest round of each."
    )
    chart, height = (_lines if panel.axis else _bars)(panel, rows)
    return Figure(panel.title, chart_spec(chart, height=height), description, table, wish)


def _bars(panel: Panel, rows: list[dict[str, object]]) -> tuple[alt.LayerChart, int]:
    names = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelLimit=260))
    base = alt.Chart(chart_rows(rows)).encode(y=names, tooltip=["name:N", "median:Q"])
    bars = base.mark_bar(color=OKABE_ITO["sky blue"]).encode(x=alt.X("median:Q", title=panel.unit))
    spread = base.mark_rule(strokeWidth=2, color="currentColor").encode(x="low:Q", x2="high:Q")
    return bars + spread, _BAR_HEIGHT * len(rows)


def _lines(panel: Panel, rows: list[dict[str, object]]) -> tuple[alt.LayerChart, int]:
    base = alt.Chart(chart_rows(rows)).encode(
        x=alt.X("at:Q", title=panel.axis, scale=alt.Scale(zero=False)),
        color=alt.Color(
            "series:N",
            title=None,
            scale=alt.Scale(range=_LINE_COLOURS),
            # One line needs no name.
            legend=alt.Legend() if len({row["series"] for row in rows}) > 1 else None,
        ),
        tooltip=["name:N", "median:Q", "low:Q", "high:Q"],
    )
    line = base.mark_line(point=True).encode(y=alt.Y("median:Q", title=panel.unit))
    return line + base.mark_rule().encode(y="low:Q", y2="high:Q"), _LINE_HEIGHT
