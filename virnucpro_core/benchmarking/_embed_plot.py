"""The embedding benchmark as a picture."""

from __future__ import annotations

import statistics
from importlib import import_module
from pathlib import Path
from typing import Any

from virnucpro_core.benchmarking._embed_report import EmbedReport
from virnucpro_core.benchmarking._embed_rounds import OURS
from virnucpro_core.errors import UsageError

__all__ = ["plot_embed"]

_OURS_COLOUR, _THEIRS_COLOUR = "#1b7f79", "#9aa5b1"
_ROW_INCHES = 0.28
_LINE_ROWS = 9


def plot_embed(report: EmbedReport, path: Path) -> None:
    """Write an SVG: bars of sequences per second for each table, and scaling as a line.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        matplotlib: Any = import_module("matplotlib")
        figures: Any = import_module("matplotlib.figure")
    except ImportError as error:
        raise UsageError(
            "a plot needs matplotlib", remedy="install the extra 'bench' of virnucpro-core"
        ) from error
    panels = [[row for row in table.rows if row.seconds] for table in report.tables]
    heights = [max(len(rows), 1) + 2 for rows in panels]
    points = [point for point in report.scaling if point.sweep == "sequences"]
    heights += [_LINE_ROWS] if points else []
    # The same bytes for the same report: no date, no random ids.
    style = {"svg.hashsalt": "virnucpro", "svg.fonttype": "none", "font.size": 9}
    with matplotlib.rc_context(style):
        figure = figures.Figure(figsize=(8, _ROW_INCHES * sum(heights)), layout="constrained")
        grid = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)
        for axes, table, rows in zip(grid[:, 0], report.tables, panels, strict=False):
            speeds = [[table.n_sequences / s for s in row.whole] for row in rows]
            middles = [statistics.median(speed) for speed in speeds]
            low = [m - min(s) for m, s in zip(middles, speeds, strict=True)]
            high = [max(s) - m for m, s in zip(middles, speeds, strict=True)]
            colours = [_OURS_COLOUR if row.name == OURS else _THEIRS_COLOUR for row in rows]
            labels = [f"{row.name} {row.precision}" for row in rows]
            axes.barh(range(len(rows)), middles, xerr=[low, high], color=colours)
            axes.set_yticks(range(len(rows)), labels)
            axes.invert_yaxis()
            axes.set_title(f"{table.model}, {table.workload}", loc="left", fontsize=9)
            axes.set_xlabel("sequences/s")
            axes.spines[["top", "right"]].set_visible(False)
        if points:
            axes = grid[-1, 0]
            axes.plot(
                [0, *(point.n_sequences for point in points)],
                [float("nan"), *(point.seconds for point in points)],
                marker="o",
                color=_OURS_COLOUR,
            )
            axes.set_ylim(bottom=0)
            axes.set_title(f"{report.scaling_model}, seconds", loc="left", fontsize=9)
            axes.set_xlabel("sequences")
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, format="svg", metadata={"Date": None})
