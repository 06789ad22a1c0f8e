"""``evaluation.html``: the tables and curves of ``evaluation.json`` for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt

from virnucpro_core._frame_rule import describe_frame_rule
from virnucpro_core.pages import (
    OKABE_ITO,
    Block,
    Figure,
    Notices,
    Page,
    Section,
    Table,
    Text,
    write_page,
)
from virnucpro_core.training._evaluation_file import write_evaluation

__all__ = ["evaluation_page", "summary_lines", "write_report"]

_MEASURES = {
    "windows": "windows",
    "not_scorable": "not scorable",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "viral_found": "share of all viral windows found",
    "auc": "area under ROC",
    "average_precision": "average precision",
    "calibration_error": "calibration error",
    "uncalibrated_error": "calibration error before",
}
_MOST_ROWS = 60
_COLOURS = [OKABE_ITO[name] for name in ("blue", "vermilion", "green", "purple", "orange")]


def write_report(folder: Path, document: Mapping[str, Any]) -> None:
    """Write ``evaluation.json`` and ``evaluation.html`` into ``folder``.

    Raises:
        StoreError: a file cannot be written.
    """
    write_evaluation(folder / "evaluation.json", document)
    write_page(folder / "evaluation.html", evaluation_page(document))


def summary_lines(document: Mapping[str, Any]) -> str:
    """The table by window length as text, the model's rows and the baselines'."""
    lines = [
        f"{'windows of':>12} {'':28} {'scored':>7} {'AUC':>7} {'accuracy':>9} {'cal. error':>11}"
    ]
    for name, key, row in _rows(document):
        numbers = (_shown(row[measure]) for measure in ("auc", "accuracy", "calibration_error"))
        auc, accuracy, error = numbers
        lines.append(
            f"{key + ' nt':>12} {name:28} {row['windows']:>7} {auc:>7} {accuracy:>9} {error:>11}"
        )
    return "\n".join(lines)


def evaluation_page(document: Mapping[str, Any]) -> Page:
    """The page of an evaluation.

    Args:
        document: see `evaluation_document`.
    """
    bundle = document["bundle"]
    sections = [
        Section("lengths", "By length of window", _length_blocks(document)),
        Section("calibration", "Calibration", _calibration_blocks(document)),
        Section("curves", "Curves", _curve_blocks(document)),
        Section("genomes", "By class, group and genome", _genome_blocks(document)),
    ]
    return Page(
        title=f"How good {bundle['name']} is",
        lead=f"Measured on {document['what']}.",
        sections=sections,
        footer=f"Bundle {bundle['sha256']}, virnucpro {document['version']}",
    )


def _rows(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Who was judged, on windows of which length, and how it went."""
    rows = []
    for key, measures in document["by_window_length"].items():
        rows.append((document["bundle"]["name"], key, measures))
        for name, lengths in document["baseline"].items():
            rows.append((name, key, lengths[key]))
            rows.append((f"{name}, all", key, lengths[key]["all_windows"]))
    return rows


def _length_blocks(document: Mapping[str, Any]) -> list[Block]:
    rows = [
        (name, key, *(measures.get(measure) for measure in _MEASURES))
        for name, key, measures in _rows(document)
    ]
    blocks: list[Block] = [Notices(document["warnings"])] if document["warnings"] else []
    return [
        *blocks,
        Text(
            f"A window is called virus at: {document['decision']}. "
            f"{describe_frame_rule(document['data'].get('frame_rule', 'complete'))} A window "
            "without a frame is not scorable: it counts in its own column and in the share of all "
            "viral windows found, and in no other. The baseline reads k-mers, so it can say "
            "something of every window: one row has the windows that the model scored, the next "
            "has all."
        ),
        Table(
            "Test windows by length in bases",
            ("model", "length", *_MEASURES.values()),
            rows,
        ),
    ]


def _calibration_blocks(document: Mapping[str, Any]) -> list[Block]:
    calibration = document["bundle"]["calibration"]
    if calibration is None:
        about = (
            "The bundle has no calibration: this shows its scores as if they were probabilities."
        )
    else:
        about = (
            "Probabilities at a prevalence of a half, from a line fitted to the validation windows "
            "of each range of length. The exponent of the evidence, "
            f"{calibration['evidence_exponent']:.2f}, says how much the windows of one record add "
            "to each other: 0 nothing, 1 as if they were independent."
        )
    blocks: list[Block] = [Text(about)]
    points = [
        {"length": key, "said": bin_["mean_probability"], "found": bin_["share_virus"],
         "windows": bin_["windows"]}
        for key, bins in document["reliability"].items()
        for bin_ in bins
    ]  # fmt: skip
    if points:
        blocks.append(
            _figure(
                "Reliability",
                points,
                ("said", "mean probability given"),
                ("found", "share that was viral"),
                "length",
                diagonal=True,
                note="On the dashed diagonal what the model says is what is true. Below it, its "
                "claims are too bold.",
            )
        )
    return blocks


def _curve_blocks(document: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    for key, models in document["curves"].items():
        for kind, title, x, y in (
            ("roc", "ROC", "share of others called virus", "share of viral windows found"),
            ("pr", "Precision and recall", "share of viral windows found", "share of calls right"),
        ):
            points = [
                {"model": _named(document, model), "x": a, "y": b}
                for model, curves in models.items()
                for a, b in curves[kind]
            ]
            blocks.append(
                _figure(
                    f"{title}, windows of {key} bases",
                    points,
                    ("x", x),
                    ("y", y),
                    "model",
                    diagonal=kind == "roc",
                )
            )
    return blocks or [Text("There are no curves where the windows are of one class only.")]


def _named(document: Mapping[str, Any], model: str) -> str:
    return document["bundle"]["name"] if model == "model" else model


def _genome_blocks(document: Mapping[str, Any]) -> list[Block]:
    columns = ("windows", "not_scorable", "accuracy", "called_virus")
    headings = ("windows", "not scorable", "accuracy", "called virus")
    tables = (
        ("by_class", "By class", ()),
        ("by_group", "By group, the worst first", ("label", "genomes")),
        ("by_genome", "By genome, the worst first", ("label", "group")),
    )
    blocks: list[Block] = []
    for key, caption, more in tables:
        rows = [
            (name, *(row[column] for column in (*more, *columns)))
            for name, row in document[key].items()
        ]
        rows.sort(key=lambda row: 2.0 if row[-2] is None else row[-2])
        blocks.append(Table(caption, ("name", *more, *headings), rows, sortable=True))
    return blocks


def _figure(
    title: str,
    points: Sequence[Mapping[str, Any]],
    x: tuple[str, str],
    y: tuple[str, str],
    series: str,
    *,
    diagonal: bool = False,
    note: str = "",
) -> Figure:
    names = list(dict.fromkeys(str(point[series]) for point in points))
    unit = alt.Scale(domain=[0, 1])
    line = (
        alt.Chart({"values": [{**p, "order": i} for i, p in enumerate(points)]})
        .mark_line(point=series == "length")
        .encode(
            x=alt.X(f"{x[0]}:Q", title=x[1], scale=unit),
            y=alt.Y(f"{y[0]}:Q", title=y[1], scale=unit),
            # Without this the points of a curve would be sorted by x, and its steps lost.
            order=alt.Order("order:Q"),
            color=alt.Color(
                f"{series}:N",
                title=series,
                scale=alt.Scale(domain=names, range=_COLOURS[: len(names)]),
            ),
            # With the same domain the two share a legend.
            strokeDash=alt.StrokeDash(f"{series}:N", title=series, scale=alt.Scale(domain=names)),
        )
    )
    chart: alt.Chart | alt.LayerChart = line
    if diagonal:
        ends = {"values": [{x[0]: 0, y[0]: 0}, {x[0]: 1, y[0]: 1}]}
        rule = alt.Chart(ends).mark_line(strokeDash=[5, 4], color="currentColor", opacity=0.6)
        chart = rule.encode(x=f"{x[0]}:Q", y=f"{y[0]}:Q") + line
    spec = chart.properties(width="container", height=320).to_dict()
    keys = tuple(points[0])
    step = -(-len(points) // _MOST_ROWS)
    return Figure(
        title=title,
        spec=spec,
        description=f"{y[1]} against {x[1]}, for {', '.join(names)}.",
        table=Table(title, keys, [tuple(p[key] for key in keys) for p in points[::step]]),
        note=note,
    )


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
