"""What a page is made of. All text is plain: the template escapes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

__all__ = [
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
]

_ANCHOR = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a file beside the page, or to a section of it.

    Attributes:
        text: what is read.
        href: relative to the page.
    """

    text: str
    href: str

    def __post_init__(self) -> None:
        if ":" in self.href.split("/")[0]:
            raise ValueError(f"{self.href} leads away from the page, which must open offline")


Cell: TypeAlias = "str | int | float | bool | Link | None"
"""A table's cell: numbers are set to the right and get separators, None is shown as a dash."""


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Text as it stands, such as a command line."""

    kind: ClassVar[str] = "code"
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Notices:
    """Sentences that must not be missed."""

    kind: ClassVar[str] = "notices"
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """A number large enough to be read across a desk.

    Attributes:
        label: what it is.
        value: the number, with its unit.
        detail: a few words below it.
        colour: of the bar at its side, None for the page's own.
    """

    label: str
    value: str
    detail: str = ""
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class KeyNumbers:
    """A row of key numbers."""

    kind: ClassVar[str] = "key-numbers"
    numbers: Sequence[KeyNumber]


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column names the rows.

    Attributes:
        caption: what it shows.
        columns: headings.
        rows: a cell for each column.
        sortable: whether a reader may sort it by its headings.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    sortable: bool = False

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"{self.caption}: row {number} has {len(row)} cells for "
                    f"{len(self.columns)} columns"
                )


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart, with the same numbers as a table for those who cannot see it.

    Attributes:
        title: what it shows, above it.
        spec: Vega-Lite, with its data and ``"width": "container"``.
        description: what a reader would see, in a sentence or two.
        table: the numbers.
        note: how to read it, below it.
        folded: whether it is closed until a reader opens it; True and False both make it foldable,
            None does not.
        square: whether it is about as wide as high on a wide screen.
    """

    kind: ClassVar[str] = "figure"
    title: str
    spec: Mapping[str, Any]
    description: str
    table: Table
    note: str = ""
    folded: bool | None = None
    square: bool = False


Block: TypeAlias = "Text | Code | Notices | KeyNumbers | Table | Figure"


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a page.

    Attributes:
        anchor: what links to it end with, lower-case letters, digits and dashes.
        title: its heading.
        blocks: what it holds.
    """

    anchor: str
    title: str
    blocks: Sequence[Block]

    def __post_init__(self) -> None:
        if not _ANCHOR.fullmatch(self.anchor):
            raise ValueError(f"{self.anchor!r} cannot be the anchor of a section")


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        title: its heading.
        lead: the sentence below it.
        sections: its parts, in order.
        footer: the last line.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    footer: str = ""
