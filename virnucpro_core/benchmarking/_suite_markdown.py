"""A suite's report as Markdown."""

from __future__ import annotations

from virnucpro_core.benchmarking._suite_report import Panel, SuiteReport, Target

__all__ = ["describe_settings", "format_number", "render_markdown", "summarise_targets"]


def render_markdown(report: SuiteReport) -> str:
    """Targets, checks, a table for each panel, notes, machine and versions."""
    parts = [
        f"# Benchmark suite {report.suite}",
        f"{describe_settings(report)}; {report.seconds:.0f} s. Medians of the rounds, with the "
        "lowest and the highest where there were several.",
    ]
    if report.targets:
        parts.append("## Targets")
        parts.append(summarise_targets(report))
        lines = [
            "| measured | target | median | outcome | why this target |",
            "|---|---|---|---|---|",
        ]
        lines += [_target_line(target) for target in report.targets]
        parts.append("\n".join(lines))
    if report.checks:
        lines = ["| must be so | is it | detail |", "|---|---|---|"]
        lines += [
            f"| {_cell(check.name)} | {'yes' if check.passed else 'NO'} | {_cell(check.detail)} |"
            for check in report.checks
        ]
        parts += ["## Checks", "\n".join(lines)]
    for panel in report.panels:
        parts += [f"## {panel.title}", _panel_table(panel)]
    if report.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in report.notes)]
    parts.append("## Machine and versions")
    facts = {**report.machine, **report.versions}
    parts.append("\n".join(f"- {name}: {value}" for name, value in facts.items() if value))
    return "\n\n".join(parts) + "\n"


def describe_settings(report: SuiteReport) -> str:
    """The settings as ``name value, …``; those without a value are left out."""
    told = [f"{name} {value}" for name, value in report.settings.items() if value not in (None, "")]
    return ", ".join(told)


def summarise_targets(report: SuiteReport) -> str:
    """How many targets were reached, missed and not measured, in a sentence."""
    outcomes = [target.outcome for target in report.targets]
    counts = ", ".join(
        f"{outcomes.count(outcome)} {word}"
        for outcome, word in (("pass", "reached"), ("miss", "missed"), ("not measured",) * 2)
        if outcome in outcomes
    )
    return f"{len(outcomes)} targets: {counts}."


def format_number(value: float) -> str:
    """Four significant digits, without an exponent where that can be read."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
    return f"{value:.3g}"


def _target_line(target: Target) -> str:
    measured = "–" if target.measured is None else format_number(target.measured)
    outcome = target.outcome + (f": {target.why_missing}" if target.why_missing else "")
    return (
        f"| {_cell(target.name)} | {target.bound} {format_number(target.limit)} | {measured} | "
        f"{_cell(outcome)} | {_cell(target.reason)} |"
    )


def _panel_table(panel: Panel) -> str:
    wish = f", {panel.better} is better" if panel.better else ""
    unit = f"{panel.unit}{wish}" if panel.unit else wish.removeprefix(", ") or "value"
    lines = [f"| | {unit} | min–max | rounds |", "|---|---|---|---|"]
    for point in panel.points:
        low, high = format_number(min(point.values)), format_number(max(point.values))
        spread = f"{low}–{high}" if len(point.values) > 1 else ""
        lines.append(
            f"| {_cell(point.name)} | {format_number(point.median)} | {spread} | "
            f"{len(point.values)} |"
        )
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
