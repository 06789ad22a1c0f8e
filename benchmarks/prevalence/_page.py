"""Table and figure of the benchmark of prevalences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

__all__ = ["draw_figure", "page"]

_COLOURS = {"fixed": "#9aa5b1", "likeliest": "#c8553d", "auto": "#1b7f79"}
_MEASURES = {
    "wrong": "wrong calls",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}
_NOISE = 2.0
"""Standard errors that a mean may be above that of the fixed prevalence."""

Row = dict[str, Any]


def page(name: str, cells: list[Row], families: list[Row], usual_size: int) -> str:
    """The tables as Markdown."""
    usual = [row for row in cells if row["records"] == usual_size]
    plain = [row for row in usual if row["hosts"] in ("seen", "unseen")]
    parts = [
        f"Model: {name}. Each cell is of samples of {usual_size:,} scored records; "
        "fixed / likeliest / auto.",
        _table(
            ("nt", "families", "hosts", "viruses", "assumed by auto", "at most", "wrong calls",
             "sensitivity", "precision", "calibration error"),
            (
                (
                    row["length"], row["viruses"], row["hosts"], f"{row['share']:.1%}",
                    f"{row['assumed_auto']:.3f}", f"{row['at_most']:.2f}",
                    *(_three(row, what) for what in (
                        "wrong", "sensitivity", "precision", "calibration_error")),
                )
                for row in plain
            ),
        ),
        "Where calls are worse than with the fixed prevalence (mean over samples above it by more "
        f"than {_NOISE:g} standard errors):",
        _table(
            ("nt", "records", "kinds of samples", "auto: wrong calls", "auto: log loss",
             "likeliest: wrong calls", "likeliest: log loss", "auto: most more wrong calls"),
            _worse(cells),
        ),
        "Samples whose viruses are all of one unseen family: share of families for which calls are "
        "worse than with the fixed prevalence.",
        _table(
            ("nt", "viruses", "families", "auto: wrong calls", "auto: log loss",
             "likeliest: wrong calls", "likeliest: log loss", "share within at most"),
            _families(families),
        ),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def draw_figure(path: Path, cells: list[Row], usual_size: int) -> None:
    """Wrong calls, log loss and calibration error by the share of viruses, as an SVG."""
    rows = [
        row for row in cells if row["records"] == usual_size and row["hosts"] in ("seen", "unseen")
    ]
    columns = sorted({(row["length"], row["viruses"], row["hosts"]) for row in rows})
    with matplotlib.rc_context(
        {"svg.hashsalt": "virnucpro", "svg.fonttype": "none", "font.size": 7}
    ):
        figure = Figure(figsize=(2 * len(columns), 6), layout="constrained")
        grid = figure.subplots(
            len(_MEASURES), len(columns), squeeze=False, sharey="row", sharex=True
        )
        for number, key in enumerate(columns):
            mine = [row for row in rows if (row["length"], row["viruses"], row["hosts"]) == key]
            for axes, (measure, title) in zip(grid[:, number], _MEASURES.items(), strict=True):
                for method, colour in _COLOURS.items():
                    axes.plot(
                        [row["share"] for row in mine],
                        [row[f"{measure}_{method}"] for row in mine],
                        color=colour,
                        label=method,
                    )
                axes.set_xscale("logit")
                axes.set_xticks(
                    [0.001, 0.01, 0.1, 0.5, 0.9], ["0.1 %", "1 %", "10 %", "50 %", "90 %"]
                )
                axes.minorticks_off()
                axes.spines[["top", "right"]].set_visible(False)
                if number == 0:
                    axes.set_ylabel(title)
            length, viruses, hosts = key
            grid[0, number].set_title(f"{length} nt\nfamilies {viruses}\nhosts {hosts}", fontsize=7)
            grid[-1, number].set_xlabel("viruses in the sample")
        grid[0, 0].legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


def _three(row: Row, what: str) -> str:
    return " / ".join(f"{row[f'{what}_{method}']:.3f}" for method in _COLOURS)


def _worse(cells: list[Row]) -> Iterable[Sequence[Any]]:
    for length, size in sorted({(row["length"], row["records"]) for row in cells}):
        mine = [row for row in cells if (row["length"], row["records"]) == (length, size)]
        counts = [
            sum(_is_worse(row, what, method) for row in mine)
            for method in ("auto", "likeliest")
            for what in ("wrong", "log_loss")
        ]
        yield length, size, len(mine), *counts, f"{max(r['more_wrong_auto'] for r in mine):.4f}"


def _is_worse(row: Row, what: str, method: str) -> bool:
    more = row[f"more_{what}_{method}"]
    return bool(more > max(_NOISE * row[f"noise_{what}_{method}"], 1e-9))


def _families(families: list[Row]) -> Iterable[Sequence[Any]]:
    for length, share in sorted({(row["length"], row["share"]) for row in families}):
        mine = [row for row in families if (row["length"], row["share"]) == (length, share)]
        worse = [
            f"{sum(r[f'{w}_{m}'] > r[f'{w}_fixed'] + 1e-9 for r in mine) / len(mine):.1%}"
            for m in ("auto", "likeliest")
            for w in ("wrong", "log_loss")
        ]
        covered = sum(row["covered"] for row in mine) / len(mine)
        yield length, f"{share:.0%}", len(mine), *worse, f"{covered:.1%}"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
