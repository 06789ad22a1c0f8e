"""What a report says of the model: where it comes from, how good it was, how well calibrated.

All is read from ``bundle.json``. What a bundle says of its accuracy is free in form, so whatever is
missing is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from virnucpro_core.pages import (
    OKABE_ITO,
    Block,
    Figure,
    Section,
    Table,
    Text,
    chart_rows,
    chart_spec,
)

__all__ = ["calibration_section", "measured_lengths", "model_section"]

_MEASURES = {
    "windows": "windows",
    "not_scorable": "not scorable",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auc": "area under ROC",
    "average_precision": "average precision",
    "calibration_error": "calibration error",
}
_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


def measured_lengths(bundle: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """The accuracy by window length in bases, the longest first; a range counts by its start."""
    measured = _mapping(bundle.get("accuracy"), "by_window_length")
    return {_first(key): measures for key, measures in _longest_first(measured)}


def model_section(bundle: Mapping[str, Any]) -> Section:
    """The model card."""
    encoders = _mapping(bundle, "encoders")
    facts: list[tuple[str, str | int | float]] = [
        ("name", bundle["name"]),
        ("description", bundle.get("description") or "none given"),
        ("window size", f"{bundle['window_size']} bases"),
        ("frame rule", bundle.get("frame_rule", "complete")),
        *((f"{kind} encoder", f"{e['name']}, layer {e['layer']}") for kind, e in encoders.items()),
        ("licence", bundle.get("licence") or "none given"),
    ]
    blocks: list[Block] = [Table("Model", ("what", "value"), facts)]
    blocks += [*_accuracy(bundle), *_genomes(bundle), *_training(bundle)]
    return Section("model", "The model", blocks)


def _longest_first(measured: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Measures by ``"500"``, a length, or ``"200-349"``, a range of lengths."""
    rows = [(k, m) for k, m in measured.items() if k[:1].isdigit() and isinstance(m, Mapping)]
    return sorted(rows, key=lambda row: (-_first(row[0]), row[0]))


def _first(key: str) -> int:
    return int(key.partition("-")[0])


def _accuracy(bundle: Mapping[str, Any]) -> list[Block]:
    accuracy = bundle.get("accuracy") or {}
    by_length = _longest_first(_mapping(accuracy, "by_window_length"))
    if not by_length:
        return [Text("The bundle does not say how accurate this model is.")]
    present = [key for key in _MEASURES if any(key in measures for _, measures in by_length)]
    columns = ("model", "window length", *(_MEASURES[key] for key in present))
    rows: list[Sequence[Any]] = [
        (bundle["name"], length, *(measures.get(key) for key in present))
        for length, measures in by_length
    ]
    for name, lengths in _mapping(accuracy, "baseline").items():
        rows += [
            (name, length, *(measures.get(key) for key in present))
            for length, measures in _longest_first(_mapping({"of": lengths}, "of"))
        ]
    what = accuracy.get("what")
    about: list[Block] = [Text(f"Measured on {what}.")] if isinstance(what, str) else []
    return [*about, Table("Accuracy of the model, by window length", columns, rows)]


def _genomes(bundle: Mapping[str, Any]) -> list[Block]:
    accuracy = bundle.get("accuracy") or {}
    genomes = _mapping(accuracy, "by_genome") or _mapping(accuracy, "by_test_genome")
    rows = [
        (name, g.get("label"), g.get("group"), g.get("windows"), g.get("accuracy"))
        for name, g in genomes.items()
        if isinstance(g, Mapping)
    ]
    if not rows:
        return []
    rows.sort(key=lambda row: (str(row[1]), row[4] if isinstance(row[4], int | float) else -1))
    columns = ("genome", "label", "group", "windows", "accuracy")
    if not any(row[2] for row in rows):
        return [
            Table(
                "Accuracy by genome of the test, the worst of each label first",
                (*columns[:2], *columns[3:]),
                [(*row[:2], *row[3:]) for row in rows],
                sortable=True,
            )
        ]
    caption = "Accuracy by genome of the test, the worst of each label first"
    return [Table(caption, columns, rows, sortable=True)]


def _training(bundle: Mapping[str, Any]) -> list[Block]:
    training = bundle.get("training") or {}
    blocks: list[Block] = []
    if isinstance(training.get("procedure"), str):
        blocks.append(Text(training["procedure"]))
    rows = []
    for split, genomes in _mapping(training, "genomes").items():
        if not isinstance(genomes, list):
            continue
        labels = Counter(str(g.get("label")) for g in genomes if isinstance(g, Mapping))
        bases = Counter[str]()
        for genome in genomes:
            if isinstance(genome, Mapping) and isinstance(genome.get("bases"), int):
                bases[str(genome.get("label"))] += genome["bases"]
        name = _SPLITS.get(split, split)
        rows += [(name, label, n, bases[label]) for label, n in sorted(labels.items())]
    if rows:
        columns = ("split", "label", "genomes", "bases")
        blocks.append(Table("Genomes that the model was made from", columns, rows))
    return blocks


def calibration_section(bundle: Mapping[str, Any]) -> Section:
    """How far the model's probabilities can be believed."""
    calibration = bundle.get("calibration")
    reliability = _mapping(bundle.get("accuracy"), "reliability")
    blocks: list[Block] = []
    if calibration is None:
        blocks.append(
            Text(
                "This model is not calibrated: its scores rank records, but they are no "
                "probabilities, and there are no false discovery rates."
            )
        )
    else:
        blocks.append(
            Text(
                "Scores were turned into probabilities on windows of genomes that the classifier "
                f"did not see, {calibration['prevalence']:.0%} of them viral; for a sample this "
                "share is replaced by the prevalence given under “How records were called”."
            )
        )
        blocks.append(
            Table(
                "Calibration: log-odds = slope × logit(score) + intercept",
                ("window length", "slope", "intercept", "windows fitted to"),
                [
                    (_length_range(r), r["slope"], r["intercept"], r["windows"])
                    for r in calibration["ranges"]
                ],
            )
        )
    points = [
        {"length": length, "said": p["mean_probability"], "found": p["share_virus"],
         "windows": p["windows"]}
        for length, bins in reliability.items()
        for p in bins
    ]  # fmt: skip
    if points:
        blocks.append(_reliability_diagram(points))
    elif calibration is not None:
        blocks.append(Text("The bundle does not say how well this held on other windows."))
    return Section("calibration", "Calibration", blocks)


def _reliability_diagram(points: list[dict[str, Any]]) -> Figure:
    lengths = sorted({p["length"] for p in points}, key=lambda n: (len(n), n))
    colours = [OKABE_ITO[name] for name in ("blue", "vermilion", "green", "purple", "orange")]
    shapes = ["circle", "square", "triangle-up", "diamond", "cross"]
    unit = alt.Scale(domain=[0, 1])
    n = min(len(lengths), len(colours))
    lines = (
        alt.Chart(chart_rows(points))
        .mark_line(point={"size": 60})
        .encode(
            x=alt.X("said:Q", title="mean probability given", scale=unit),
            y=alt.Y("found:Q", title="share that was viral", scale=unit),
            color=alt.Color("length:N", title="window length",
                            scale=alt.Scale(domain=lengths, range=colours[:n])),
            shape=alt.Shape("length:N", title="window length",
                            scale=alt.Scale(domain=lengths, range=shapes[:n])),
            tooltip=["length:N", "said:Q", "found:Q", "windows:Q"],
        )
    )  # fmt: skip
    ends = chart_rows([{"said": 0, "found": 0}, {"said": 1, "found": 1}])
    diagonal = alt.Chart(ends).mark_line(strokeDash=[5, 4], color="currentColor", opacity=0.6)
    chart = diagonal.encode(x="said:Q", y="found:Q") + lines
    return Figure(
        title="Reliability: what the model said, and what was true",
        spec=chart_spec(chart, height=340),
        description="Share of windows that were viral against the probability the model gave "
        f"them, for window lengths {', '.join(lengths)}; a perfect model lies on the diagonal.",
        table=Table(
            "Reliability by window length",
            ("window length", "mean probability given", "share that was viral", "windows"),
            [(p["length"], p["said"], p["found"], p["windows"]) for p in points],
        ),
        note="On the dashed diagonal, of the windows given 0.8 four in five are viral. Points "
        "below it are claims that were too bold, points above it too timid.",
        square=True,
    )


def _length_range(limits: Mapping[str, Any]) -> str:
    low, high = limits["min_length"], limits["max_length"]
    return f"{low} and more" if high is None else f"{low} to {high}"


def _mapping(of: Any, key: str) -> Mapping[str, Any]:
    """What ``of`` has under ``key``, where that is a mapping; an empty one otherwise."""
    value = of.get(key) if isinstance(of, Mapping) else None
    return value if isinstance(value, Mapping) else {}
