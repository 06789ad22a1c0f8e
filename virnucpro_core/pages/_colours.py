"""Colours that the colour-blind can tell apart, and the looks of every chart.

Source: M. Okabe and K. Ito, Color Universal Design, 2008.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CALL_COLOURS", "CHART_CONFIG", "OKABE_ITO", "TIER_COLOURS"]

OKABE_ITO = {
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
}

CALL_COLOURS = {
    "virus": OKABE_ITO["vermilion"],
    "non-virus": OKABE_ITO["blue"],
    "not-scorable": "#8C8C8C",
}
"""Colour of each call."""

TIER_COLOURS = (
    OKABE_ITO["vermilion"],
    OKABE_ITO["orange"],
    OKABE_ITO["sky blue"],
    OKABE_ITO["purple"],
)
"""Colours of the tiers, the surest first."""

# currentColor: axes follow the page from light to dark and onto paper.
CHART_CONFIG: dict[str, Any] = {
    "background": "transparent",
    # A name that a canvas understands, too: Vega measures labels with one.
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": "currentColor",
        "tickColor": "currentColor",
        "gridColor": "currentColor",
        "gridOpacity": 0.12,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelOverlap": True,
    },
    "legend": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "orient": "top",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 300,
    },
    "text": {"color": "currentColor", "fill": "currentColor", "fontSize": 12},
    # A screen reader gets the description and the table; a node for every mark would drown it.
    "aria": False,
}
"""Vega-Lite's ``config`` of every chart."""
