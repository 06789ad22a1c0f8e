"""A page as one HTML file: Jinja2 template, style, script and Vega-Lite inlined.

The content security policy in the template forbids every fetch, so that "opens offline" is not a
promise but what a browser enforces.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from virnucpro_core import __version__
from virnucpro_core._files import AtomicFile
from virnucpro_core.pages._blocks import Cell, Figure, Link, Page
from virnucpro_core.pages._colours import CHART_CONFIG

__all__ = ["render_page", "write_page"]


def write_page(path: Path, page: Page) -> None:
    """Write ``page``, whole or not at all. Equal pages give equal bytes.

    Raises:
        StoreError: the file cannot be written.
    """
    with AtomicFile(path) as file:
        file.write(render_page(page).encode())


def render_page(page: Page) -> str:
    """The HTML of ``page``."""
    has_figures = any(_figures(page))
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            generator=f"virnucpro {__version__}",
            style=Markup(_asset("page.css")),
            script=Markup(_asset("page.js")),
            vega=Markup(_vega_bundle()) if has_figures else None,
            config=_json_in_script(CHART_CONFIG),
        )
    )


def _figures(page: Page) -> Iterator[Figure]:
    for section in page.sections:
        yield from (block for block in section.blocks if isinstance(block, Figure))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(cell=_cell, is_number=_is_number, json=_json_in_script)
    environment.filters["sort_key"] = _sort_key
    environment.tests["link"] = lambda value: isinstance(value, Link)
    return environment


@cache
def _asset(name: str) -> str:
    return (resources.files("virnucpro_core.pages") / name).read_text(encoding="utf-8")


@cache
def _vega_bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script; ``vega/README.md`` says which."""
    bundle = "\n".join(
        _asset(f"vega/{name}.min.js") for name in ("vega", "vega-lite", "vega-embed")
    )
    # Inside a script element this would end it; inside a JavaScript string it means the same.
    return bundle.replace("</script", "<\\/script")


def _json_in_script(value: Any) -> Markup:
    """JSON that no browser takes for markup."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _cell(cell: Cell) -> str:
    """How a cell is read: separators for thousands, four significant digits, a dash for None."""
    if isinstance(cell, Link):
        return cell.text
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        if cell == 0 or 1e-4 <= abs(cell) < 1e6:
            return f"{cell:,.4g}" if abs(cell) < 1000 else f"{cell:,.0f}"
        return f"{cell:.2e}"
    return cell


def _sort_key(cell: Cell) -> str:
    return repr(cell) if _is_number(cell) else _cell(cell)
