"""The nine stages on a page."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from virnucpro_core.pages import OKABE_ITO, Figure, Section, Table, chart_rows, chart_spec
from virnucpro_core.reporting._stages import StageSummary

__all__ = ["stage_section"]


def stage_section(stages: Sequence[StageSummary]) -> Section:
    """Seconds of each stage, as bars and numbers."""
    total = sum(stage.seconds for stage in stages)
    rows = [{"stage": s.name, "seconds": round(s.seconds, 2)} for s in stages]
    chart = (
        alt.Chart(chart_rows(rows))
        .mark_bar(color=OKABE_ITO["sky blue"])
        .encode(
            x=alt.X("seconds:Q", title="seconds, all tasks together"),
            y=alt.Y("stage:N", sort=None, title=None, axis=alt.Axis(labelLimit=220)),
            tooltip=["stage:N", "seconds:Q"],
        )
    )
    slowest = max(stages, key=lambda s: s.seconds)
    figure = Figure(
        title="Time by stage",
        spec=chart_spec(chart, height=26 * len(stages)),
        description=f"Bars of the seconds of nine stages; {slowest.name} took longest, "
        f"{slowest.seconds:.1f} seconds.",
        table=Table(
            "Stages",
            ("stage", "seconds", "share", "sequences", "tokens", "note"),
            [
                (s.name, s.seconds, f"{s.seconds / total if total else 0:.1%}", s.sequences,
                 s.tokens, s.note)
                for s in stages
            ],
        ),
        note="A stage taken from the cache is shown with the time that it took when it ran.",
    )  # fmt: skip
    return Section("stages", "Time", [figure])
