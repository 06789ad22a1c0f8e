"""HTML pages that open offline: sections of text, tables and Vega-Lite figures in one file."""

from virnucpro_core.pages._blocks import (
    Block,
    Cell,
    Code,
    Figure,
    KeyNumber,
    KeyNumbers,
    Link,
    Notices,
    Page,
    Section,
    Table,
    Text,
)
from virnucpro_core.pages._charts import chart_rows, chart_spec
from virnucpro_core.pages._colours import CALL_COLOURS, OKABE_ITO, TIER_COLOURS
from virnucpro_core.pages._render import render_page, write_page

__all__ = [
    "CALL_COLOURS",
    "OKABE_ITO",
    "TIER_COLOURS",
    "Block",
    "Cell",
    "Code",
    "Figure",
    "KeyNumber",
    "KeyNumbers",
    "Link",
    "Notices",
    "Page",
    "Section",
    "Table",
    "Text",
    "chart_rows",
    "chart_spec",
    "render_page",
    "write_page",
]
