"""Which files are the genomes, and what they are: a sheet, or a folder for each class."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from virnucpro_core.errors import InputError
from virnucpro_core.training._dataset_tables import LABELS, PARTS
from virnucpro_core.training._genome_files import genome_name

__all__ = ["SheetRow", "read_sheet"]

_FOLDERS = {"cellular": "others", "viral": "virus"}
_REQUIRED = ("file", "label")
_OPTIONAL = ("group", "name", "split")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A genome that the user names.

    Attributes:
        name: what it is called in all tables.
        file: as it stands in the sheet.
        path: the file.
        label: its class, a place in `LABELS`.
        group: what it belongs together with; its own name where nothing is said.
        split: the part that the user wants it in, a place in `PARTS`, or None.
        where: file and line, for messages.
        also: what the row has in columns that were asked for besides; nothing of a folder's file.
    """

    name: str
    file: str
    path: Path
    label: int
    group: str
    split: int | None
    where: str
    also: Mapping[str, str] = field(default_factory=dict)


def read_sheet(path: Path, also: Sequence[str] = ()) -> list[SheetRow]:
    """Genomes of a sheet or a folder, sorted by name.

    A sheet is a CSV or TSV file with the columns ``file`` and ``label`` (virus or others) and, if
    wanted, ``group``, ``name`` and ``split``; its paths are relative to it. A folder has the
    folders ``viral`` and ``cellular`` with a file for each genome.

    Args:
        also: further columns that a sheet may have, see `SheetRow`.

    Raises:
        InputError: the sheet has a mistake (which says line and remedy), or a class has no genome.
    """
    rows = list(_folder_rows(path) if path.is_dir() else _sheet_rows(path, also))
    seen: dict[str, SheetRow] = {}
    for row in rows:
        if row.name in seen:
            raise InputError(
                f"the name {row.name} is that of {seen[row.name].file} again",
                where=row.where,
                remedy="rename the file, or give the sheet a column 'name'",
            )
        seen[row.name] = row
    for label, kind in enumerate(LABELS):
        if not any(row.label == label for row in rows):
            raise InputError(
                f"names no genome of the class {kind}",
                where=str(path),
                remedy="training needs both classes",
            )
    if any(row.split is None for row in rows) and any(row.split is not None for row in rows):
        bare = next(row for row in rows if row.split is None)
        raise InputError(
            "has no split, other lines have one",
            where=bare.where,
            remedy="fill the column 'split' for all genomes, or for none",
        )
    return sorted(rows, key=lambda row: row.name)


def _folder_rows(folder: Path) -> Iterator[SheetRow]:
    for name, kind in _FOLDERS.items():
        paths = sorted(p for p in (folder / name).glob("[!.]*") if p.is_file())
        if not paths:
            raise InputError("holds no file", where=str(folder / name), remedy="put genomes there")
        for path in paths:
            genome = genome_name(path)
            file = f"{name}/{path.name}"
            yield SheetRow(genome, file, path, LABELS.index(kind), genome, None, str(path))


def _sheet_rows(path: Path, also: Sequence[str]) -> Iterator[SheetRow]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            delimiter = "\t" if "\t" in header else ","
            file.seek(0)
            reader = csv.DictReader(file, delimiter=delimiter, strict=True)
            _check_header(path, list(reader.fieldnames or ()), also)
            for row in reader:
                if any(map(str.strip, filter(None, _texts(row)))):
                    yield _sheet_row(path, f"{path}, line {reader.line_num}", row, also)
    except FileNotFoundError:
        raise InputError("does not exist", where=str(path), remedy="check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"cannot be read as a table ({error})",
            where=str(path),
            remedy="give CSV or TSV with the columns file,label,group",
        ) from error


def _texts(row: dict[str | None, str | list[str] | None]) -> list[str]:
    return [value if isinstance(value, str) else "x" for value in row.values() if value]


def _check_header(path: Path, names: list[str], also: Sequence[str]) -> None:
    where = f"{path}, line 1"
    known = (*_REQUIRED, *_OPTIONAL, *also)
    for name in _REQUIRED:
        if name not in names:
            raise InputError(
                f"has no column {name!r}", where=where, remedy=f"the columns are {', '.join(known)}"
            )
    for name in names:
        if name not in known or names.count(name) > 1:
            problem = "twice" if name in known else "which is not known"
            raise InputError(
                f"has the column {name!r} {problem}",
                where=where,
                remedy=f"the columns are {', '.join(known)}",
            )


def _sheet_row(
    sheet: Path,
    where: str,
    row: dict[str | None, str | list[str] | None],
    also: Sequence[str],
) -> SheetRow:
    if None in row or None in row.values():
        raise InputError(
            "has another number of fields than the header",
            where=where,
            remedy="quote fields that hold the separator",
        )
    value = {str(name): str(text).strip() for name, text in row.items()}
    if not value["file"]:
        raise InputError("names no file", where=where, remedy="fill the column 'file'")
    if value["label"] not in LABELS:
        raise InputError(
            f"has the label {value['label']!r}", where=where, remedy=f"use {' or '.join(LABELS)}"
        )
    path = sheet.parent / value["file"]
    if not path.is_file():
        raise InputError(
            f"names {value['file']}, which is not a file",
            where=where,
            remedy="paths are relative to the sheet",
        )
    split = value.get("split", "")
    if split and split not in PARTS:
        raise InputError(
            f"has the split {split!r}", where=where, remedy=f"use {', '.join(PARTS)} or nothing"
        )
    name = value.get("name") or genome_name(path)
    further = {column: value.get(column, "") for column in also}
    for text in (name, value.get("group", ""), value["file"], *further.values()):
        if any(character in text for character in "\t\n\r"):
            raise InputError("has a tab or a line break in a field", where=where, remedy="rename")
    return SheetRow(
        name=name,
        file=value["file"],
        path=path,
        label=LABELS.index(value["label"]),
        group=value.get("group") or name,
        split=PARTS.index(split) if split else None,
        where=where,
        also=further,
    )
