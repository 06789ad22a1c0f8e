"""Altair charts as the pages take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

__all__ = ["chart_rows", "chart_spec"]


def chart_rows(rows: Sequence[Mapping[str, Any]]) -> alt.Data:
    """Rows as a chart's data."""
    data: alt.Data = alt.Data(values=list(rows))  # type: ignore[no-untyped-call]
    return data


def chart_spec(chart: Any, *, height: int) -> dict[str, Any]:
    """Vega-Lite of an Altair chart as wide as its place on a page and ``height`` pixels high.

    Its look is left to the page, which has one for all its charts.
    """
    fitted = chart.properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x")
    )
    spec: dict[str, Any] = fitted.to_dict()
    spec.pop("config", None)
    return spec
