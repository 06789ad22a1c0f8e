"""Pages: one file, no network, everything escaped, the same bytes for the same content."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import altair as alt
import pytest

from tests.browser import show
from virnucpro_core.pages import (
    CALL_COLOURS,
    Block,
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
    render_page,
    write_page,
)

HOSTILE = "</script><script>document.title='taken'</script><b>"
# Elements without an end.
VOID = {"meta", "link", "input", "br", "img"}


def chart(title: str = "Counts", *, folded: bool | None = None) -> Figure:
    data = alt.Data(values=[{"name": HOSTILE, "n": 3}, {"name": "b", "n": 5}])
    bars = alt.Chart(data).mark_bar().encode(x="n:Q", y="name:N")
    bars = bars.properties(width="container", height=80)
    table = Table(title, ("name", "n"), [(HOSTILE, 3), ("b", 5)])
    return Figure(title, bars.to_dict(), f"Two bars, {HOSTILE}", table, folded=folded)


def page(*blocks: Block) -> Page:
    return Page("A page", "What it says.", [Section("part", "Part", blocks)], "The end.")


class Outline(HTMLParser):
    """The elements of a page; complains where they are not nested."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    parser.close()
    assert not parser.open
    return parser


def everything() -> Page:
    return page(
        Text(HOSTILE),
        Code("Command", HOSTILE),
        Notices([HOSTILE]),
        KeyNumbers([KeyNumber("virus", "12", HOSTILE, CALL_COLOURS["virus"])]),
        Table(HOSTILE, ("a", "b"), [(HOSTILE, None), (Link(HOSTILE, "s/report.html"), 1.0)]),
        chart(),
        chart("Folded", folded=True),
    )


def test_equal_pages_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_page(tmp_path / name, everything())
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_nothing_in_the_page_leads_to_a_network() -> None:
    found = outline(render_page(everything()))
    for tag in ("script", "img", "iframe", "link"):
        for attributes in found.named(tag):
            assert not attributes.get("src")
            assert (attributes.get("href") or "data:").startswith("data:")
    policy = found.named("meta")[2]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert (policy["content"] or "").startswith("default-src 'none';")


def test_text_never_becomes_markup() -> None:
    text = render_page(everything())
    assert HOSTILE not in text
    assert len(outline(text).named("b")) == 0


def test_landmarks_names_and_captions_are_there() -> None:
    found = outline(render_page(everything()))
    assert found.named("html") == [{"lang": "en"}]
    assert {"main", "nav", "header", "footer"} <= {tag for tag, _ in found.elements}
    assert found.named("a")[0] == {"class": "skip", "href": "#content"}
    assert len(found.named("caption")) == len(found.named("table")) == 3
    scopes = [attributes.get("scope") for attributes in found.named("th")]
    assert set(scopes) == {"col", "row"}
    # Wide tables scroll, also by keyboard, and say what they are.
    for region in (a for _, a in found.elements if a.get("class") == "scroll"):
        assert region["tabindex"] == "0"
        assert region["aria-label"]


def test_vega_lite_is_of_the_version_that_altair_writes_for() -> None:
    stored = resources.files("virnucpro_core.pages") / "vega" / "vega-lite.min.js"
    version = re.search(r'"use strict";var \w="([\d.]+)"', stored.read_text(encoding="utf-8"))
    assert version is not None
    assert f"v{version[1]}" == alt.SCHEMA_VERSION


def test_a_page_without_figures_carries_no_vega() -> None:
    assert len(render_page(page(Text("Nothing to draw.")))) < 20_000


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (float("nan"), "–"), (1234567, "1,234,567"), (0.12342, "0.1234"),
     (1e-9, "1.00e-09"), (0.0, "0"), (12345.6, "12,346"), (True, "yes")],
)  # fmt: skip
def test_how_numbers_are_read(value: float | None, shown: str) -> None:
    text = render_page(page(Table("t", ("name", "value"), [("row", value)])))
    cell = re.search(r"<td[^>]*>([^<]*)</td>", text)
    assert cell is not None
    assert cell[1] == shown


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="row 2 has 1 cells for 2 columns"):
        Table("t", ("a", "b"), [(1, 2), (3,)])


def test_a_link_to_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="must open offline"):
        Link("elsewhere", "https://example.org/")


@pytest.mark.slow
def test_a_browser_draws_the_figures_and_has_nothing_to_complain_of(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", everything())
    shown = show(tmp_path / "page.html", tmp_path)
    assert shown.console == []
    assert "<title>A page</title>" in shown.document
    # The folded one is drawn when it is opened.
    assert shown.document.count('class="marks"') == 1
    assert 'role="img" aria-label="Two bars, ' in shown.document.replace("\n", " ")
