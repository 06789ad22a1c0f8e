"""Charts of a sample's results, each with its numbers as a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from virnucpro_core.pages import (
    CALL_COLOURS,
    OKABE_ITO,
    TIER_COLOURS,
    Cell,
    Figure,
    Table,
    chart_rows,
    chart_spec,
)
from virnucpro_core.reporting._call_table import (
    CALLS,
    LENGTH_EDGES,
    Q_LIMITS,
    SCORE_EDGES,
    CallTotals,
    TopRecord,
)
from virnucpro_core.reporting._window_tracks import Region, WindowTrack

__all__ = [
    "fdr_curve",
    "length_distribution",
    "order_tiers",
    "score_distribution",
    "tier_bars",
    "window_track",
]

_HEIGHT = 240
_TIERS = ("high", "medium", "low", "unfamiliar")
_TABLE_Q = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)


def order_tiers(tiers: Sequence[str]) -> list[str]:
    """The surest first; names that this version does not know come last."""
    return sorted(tiers, key=lambda t: (_TIERS.index(t) if t in _TIERS else len(_TIERS), t))


def tier_bars(totals: CallTotals) -> Figure:
    """Records called virus, by tier."""
    tiers = order_tiers(list(totals.tiers))
    rows = [{"tier": tier, "records": totals.tiers[tier]} for tier in tiers]
    x = alt.X("records:Q", title="records called virus", axis=alt.Axis(tickMinStep=1, format="~s"))
    y = alt.Y("tier:N", sort=tiers, title=None)
    base = alt.Chart(chart_rows(rows)).encode(x=x, y=y)
    colour = alt.Color(
        "tier:N", scale=alt.Scale(domain=tiers, range=list(TIER_COLOURS)), legend=None
    )
    bars = base.mark_bar().encode(color=colour, tooltip=["tier:N", "records:Q"])
    labels = base.mark_text(align="left", dx=4).encode(text=alt.Text("records:Q", format=","))
    return Figure(
        title="Records called virus, by confidence",
        spec=chart_spec((bars + labels), height=34 * max(len(tiers), 1)),
        description="Bars: " + ", ".join(f"{totals.tiers[t]:,} in tier {t}" for t in tiers) + ".",
        table=Table("Records called virus, by tier", ("tier", "records"),
                    [(tier, totals.tiers[tier]) for tier in tiers]),
    )  # fmt: skip


def score_distribution(totals: CallTotals, threshold: float | None) -> Figure:
    """How scores are spread; two separate hills are a clear sample, one broad hill is not."""
    rows = _stacked(totals.scores, SCORE_EDGES)
    bars = (
        alt.Chart(chart_rows(rows))
        .mark_bar()
        .encode(
            x=alt.X("from:Q", bin="binned", title="virus score", scale=alt.Scale(domain=[0, 1])),
            x2="to:Q",
            y=alt.Y("records:Q", title="records", stack=True, axis=alt.Axis(format="~s")),
            color=_call_colour(CALLS[:2]),
            tooltip=["call:N", "from:Q", "to:Q", "records:Q"],
        )
    )
    chart: Any = bars
    if threshold is not None:
        rule = alt.Chart(chart_rows([{"threshold": threshold}])).mark_rule(
            strokeDash=[5, 4], color="currentColor"
        )
        chart = bars + rule.encode(x="threshold:Q")
    coarse = {call: totals.scores[call].reshape(-1, 4).sum(axis=1) for call in CALLS[:2]}
    table: list[list[Cell]] = [
        [f"{low:.1f} to {high:.1f}", *(int(counts[i]) for counts in coarse.values())]
        for i, (low, high) in enumerate(pairwise(SCORE_EDGES[::4]))
    ]
    return Figure(
        title="Virus scores of the records",
        spec=chart_spec(chart, height=_HEIGHT),
        description=f"Histogram of the virus scores of {totals.n_scored:,} scored records, "
        f"{totals.calls['virus']:,} of which are called virus.",
        table=Table("Records by virus score", ("virus score", *CALLS[:2]), table),
        note="A score is what the classifier says, not a probability."
        + ("" if threshold is None else f" The dashed line is the threshold, {threshold:g}."),
    )


def length_distribution(totals: CallTotals) -> Figure:
    """How long the records are, by call."""
    used = np.flatnonzero(sum(totals.lengths.values()))
    low, high = (used[0], used[-1] + 1) if len(used) else (0, 1)
    edges = LENGTH_EDGES[low : high + 1]
    counts = {call: numbers[low:high] for call, numbers in totals.lengths.items()}
    rows = _stacked(counts, edges)
    domain = [float(edges[0]), float(edges[-1])]
    chart = (
        alt.Chart(chart_rows(rows))
        .mark_bar()
        .encode(
            x=alt.X(
                "from:Q",
                bin="binned",
                title="length in bases",
                scale=alt.Scale(type="log", domain=domain, nice=False),
                axis=alt.Axis(format="~s"),
            ),
            x2="to:Q",
            y=alt.Y("records:Q", title="records", stack=True, axis=alt.Axis(format="~s")),
            color=_call_colour(CALLS),
            tooltip=["call:N", "from:Q", "to:Q", "records:Q"],
        )
    )
    table: list[list[Cell]] = [
        [f"{edges[i]:,.0f} to {edges[i + 1]:,.0f}", *(int(counts[call][i]) for call in CALLS)]
        for i in range(len(edges) - 1)
    ]
    return Figure(
        title="Lengths of the records",
        spec=chart_spec(chart, height=_HEIGHT),
        description=f"Histogram of the lengths of {totals.n_records:,} records, by call, "
        "on a logarithmic scale.",
        table=Table("Records by length", ("length in bases", *CALLS), table),
    )


def fdr_curve(totals: CallTotals, limit: float | None) -> Figure:
    """How many records may be called at which false discovery rate."""
    rows = [
        {"q": float(q), "records": int(n), "false": round(float(f), 2)}
        for q, n, f in zip(Q_LIMITS, totals.at_most_q, totals.expected_false, strict=True)
    ]
    line = (
        alt.Chart(chart_rows(rows))
        .mark_line(interpolate="step-after", color=OKABE_ITO["vermilion"], strokeWidth=2.5)
        .encode(
            x=alt.X("q:Q", title="q-value at most", scale=alt.Scale(type="log"),
                    axis=alt.Axis(format="~g", tickCount=5)),
            y=alt.Y("records:Q", title="records", axis=alt.Axis(format="~s", tickMinStep=1)),
            tooltip=["q:Q", "records:Q", alt.Tooltip("false:Q", title="expected to be false")],
        )
    )  # fmt: skip
    chart: Any = line
    if limit is not None:
        rule = alt.Chart(chart_rows([{"limit": limit}])).mark_rule(
            strokeDash=[5, 4], color="currentColor"
        )
        chart = line + rule.encode(x="limit:Q")
    at = [int(np.searchsorted(Q_LIMITS, q - 1e-12)) for q in _TABLE_Q]
    return Figure(
        title="How many records at which false discovery rate",
        spec=chart_spec(chart, height=_HEIGHT),
        description="A rising curve: the number of records with a q-value of at most x, "
        f"from {rows[0]['records']:,} at 0.0001 to {rows[-1]['records']:,} at 1.",
        table=Table(
            "Records by q-value",
            ("q-value at most", "records", "expected to be false"),
            [(q, int(totals.at_most_q[i]), float(totals.expected_false[i]))
             for q, i in zip(_TABLE_Q, at, strict=True)],
        ),
        note="Calling everything up to a q-value of 0.05 virus means that about 5 in 100 of those "
        "calls are expected to be wrong, as far as the model's calibration holds for this sample."
        + ("" if limit is None else f" The dashed line is the limit of this run, {limit:g}."),
    )  # fmt: skip


def window_track(
    record: TopRecord, track: WindowTrack, regions: Sequence[Region], *, folded: bool
) -> Figure:
    """The windows of a record along its bases, with the stretches that were called viral."""
    name = "probability" if track.probability is not None else "virus score"
    values = track.virus_score if track.probability is None else track.probability
    windows = [
        {"from": int(s), "to": int(s + n), "y": round(float(v), 4)}
        for s, n, v in zip(track.start, track.length, values, strict=True)
    ]
    step = max(1, record.length // 200)
    begin = alt.param(name="first_base", value=0,
        bind=alt.binding_range(min=0, max=record.length, step=step, name="from base "))  # fmt: skip
    end = alt.param(name="last_base", value=record.length,
        bind=alt.binding_range(min=0, max=record.length, step=step, name="to base "))  # fmt: skip
    scale = alt.Scale(
        domainMin=alt.ExprRef(expr=f"min(first_base, {record.length - step})"),
        domainMax=alt.ExprRef(expr=f"max(last_base, first_base + {step})"),
        nice=False, zero=False,
    )  # fmt: skip
    x = alt.X("from:Q", title="base", scale=scale, axis=alt.Axis(format=",d", tickCount=8))
    y = alt.Y("y:Q", title=name, scale=alt.Scale(domain=[0, 1]))
    marks = (
        alt.Chart(chart_rows(windows))
        .mark_bar(height=5, clip=True, color=OKABE_ITO["blue"])
        .encode(x=x, x2="to:Q", y=y, tooltip=["from:Q", "to:Q", alt.Tooltip("y:Q", title=name)])
    )
    shade = (
        alt.Chart(chart_rows([{"from": r.start, "to": r.end} for r in regions]))
        .mark_rect(clip=True, color=OKABE_ITO["orange"], opacity=0.3)
        .encode(x=x, x2="to:Q", tooltip=["from:Q", "to:Q"])
    )
    chart = ((shade + marks) if regions else marks).add_params(begin, end)
    called = ", ".join(f"{r.start + 1:,}–{r.end:,}" for r in regions)
    return Figure(
        title=f"{record.id}, {record.length:,} bases",
        spec=chart_spec(chart, height=130),
        description=f"The {name} of {len(track)} windows along {record.id}. "
        + (f"Called viral: bases {called}." if called else "No region is marked."),
        table=Table(
            f"Windows of {record.id}",
            ("first base", "last base", name),
            [(w["from"] + 1, w["to"], w["y"]) for w in windows],
        ),
        note=f"Viral regions (shaded): {called}." if called else "",
        folded=folded,
    )


def _stacked(
    counts: dict[str, NDArray[np.int64]], edges: NDArray[np.float64]
) -> list[dict[str, Any]]:
    return [
        {"call": call, "from": round(float(edges[i]), 4), "to": round(float(edges[i + 1]), 4),
         "records": int(counts[call][i])}
        for call in CALLS
        for i in np.flatnonzero(counts[call])
    ]  # fmt: skip


def _call_colour(calls: Sequence[str]) -> alt.Color:
    colours = [CALL_COLOURS[call] for call in calls]
    return alt.Color("call:N", title=None, scale=alt.Scale(domain=list(calls), range=colours))
