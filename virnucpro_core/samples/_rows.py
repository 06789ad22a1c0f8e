"""The rows of a samplesheet as they stand in it, whatever its format."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virnucpro_core.errors import InputError
from virnucpro_core.samples._documents import Mapping, parse_json, parse_yaml

__all__ = ["SHEET_COLUMNS", "SheetRow", "SheetRows", "read_rows"]

SHEET_COLUMNS = ("sample", "fastq_1", "fastq_2", "file")

_DOCUMENTS = (".yml", ".yaml", ".json")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row.

    Attributes:
        number: as a spreadsheet counts, the header is row 1; in YAML and JSON the item, from 1.
        values: text by column, without spaces around it; only columns that have some.
    """

    number: int
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class SheetRows:
    """All rows of a sheet.

    Attributes:
        columns: all columns that the sheet has.
        rows: those that are not blank.
        unit: what a row is called in messages.
    """

    columns: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    unit: str


def read_rows(path: Path) -> SheetRows:
    """Read a CSV, TSV, YAML or JSON file, with or without a byte-order mark.

    Raises:
        InputError: the file cannot be read, or has no table in it.
    """
    try:
        # Spreadsheets put a byte-order mark before UTF-8.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "is not UTF-8", where=str(path), remedy="save it as 'CSV UTF-8'"
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error})", where=str(path)) from error
    is_document = path.suffix.lower() in _DOCUMENTS
    return _document_rows(path, text) if is_document else _table_rows(path, text)


def _table_rows(path: Path, text: str) -> SheetRows:
    first_line = next((line for line in text.splitlines() if line.strip()), "")
    # Spreadsheets write semicolons where the comma is the decimal point.
    delimiter = max("\t,;", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    rows = []
    number = 0
    try:
        for number, fields in enumerate(reader, start=1):
            fields = [field.strip() for field in fields]
            if not any(fields):
                continue
            if not columns:
                columns = _header(path, number, fields)
                continue
            if any(fields[len(columns) :]):
                raise InputError(
                    f"has {len(fields)} fields, the header has {len(columns)}",
                    where=f"{path}, row {number}",
                    remedy="put a path with a comma into double quotes",
                )
            named = zip(columns, fields, strict=False)
            rows.append(SheetRow(number, {name: field for name, field in named if field}))
    except csv.Error as error:
        raise InputError(
            f"is not a table ({error})",
            where=f"{path}, row {number + 1}",
            remedy="close every double quote",
        ) from error
    return SheetRows(columns, tuple(rows), "row")


def _header(path: Path, number: int, fields: list[str]) -> tuple[str, ...]:
    names = [field.lower() if field.lower() in SHEET_COLUMNS else field for field in fields]
    double = [name for name in SHEET_COLUMNS if names.count(name) > 1]
    if double:
        raise InputError(f"has the column {double[0]} twice", where=f"{path}, row {number}")
    return tuple(names)


def _document_rows(path: Path, text: str) -> SheetRows:
    kind, parse = ("JSON", parse_json) if path.suffix.lower() == ".json" else ("YAML", parse_yaml)
    try:
        content: Any = parse(text) if text.strip() else None
    except ValueError as error:
        raise InputError(f"is not {kind} ({error})", where=str(path)) from error
    if content is None:
        return SheetRows(SHEET_COLUMNS, (), "item")
    rows = []
    columns: dict[str, None] = {}
    items = [content] if isinstance(content, Mapping) else content
    for number, item in enumerate(items if isinstance(items, list) else [items], start=1):
        where = f"{path}, item {number}"
        if not isinstance(item, Mapping) or any(isinstance(value, list) for _, value in item):
            raise InputError(
                "is not 'name: text' for each column",
                where=where,
                remedy="write a list: '- sample: a', and under it '  file: a.fastq.gz'",
            )
        names = [str(name) for name, _ in item]
        double = [name for name in names if names.count(name) > 1]
        if double:
            raise InputError(f"has the column {double[0]} twice", where=where)
        columns.update(dict.fromkeys(names))
        texts = zip(names, (_text(value) for _, value in item), strict=True)
        rows.append(SheetRow(number, {name: text for name, text in texts if text}))
    return SheetRows(tuple(columns), tuple(rows), "item")


def _text(value: str | bool | None) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value.strip()
