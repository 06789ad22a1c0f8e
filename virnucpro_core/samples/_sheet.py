"""Reading a samplesheet: every row checked, lanes of a sample joined, paths resolved."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from virnucpro_core.errors import InputError
from virnucpro_core.samples._rows import SHEET_COLUMNS, SheetRow, read_rows
from virnucpro_core.samples._sample import Sample

__all__ = ["SheetError", "SheetReading", "is_sheet", "is_there", "is_url", "read_sheet"]

_EXTENSIONS = (".csv", ".tsv", ".yml", ".yaml", ".json")
_UNFIT = re.compile(r"[$`*?\[\]{}\t\n\r]")
"""What Nextflow leaves to the shell when it links a file into a task's folder; lib/Samples.groovy
refuses the same."""
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class SheetError(InputError):
    """A samplesheet that cannot be used.

    Attributes:
        lines: a line for each mistake; the message is the first.
    """

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines[0])
        self.lines = lines


@dataclass(slots=True)
class SheetReading:
    """What a samplesheet says.

    Attributes:
        samples: in the order of their first rows.
        notes: lines that the user should see, such as columns that nothing reads.
    """

    samples: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_sheet(name: str) -> bool:
    """Whether a file is a samplesheet, by the end of its name."""
    return name.lower().endswith(_EXTENSIONS)


def is_url(name: str) -> bool:
    """Whether a file is named by a URL, so that it is not here before a task fetches it."""
    return _URL.match(name) is not None


def is_there(path: Path) -> bool:
    """Whether there is a file or folder of this name, and be it one that no file can have."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def read_sheet(
    path: Path,
    *,
    launch_dir: Path,
    schema: Path | None = None,
    origin: str | None = None,
) -> SheetReading:
    """Read a samplesheet with the columns ``sample`` and ``fastq_1, fastq_2`` or ``file``.

    Several rows of one sample are its lanes, which are read one after another. A relative path is
    that of a file beside the sheet, else of one in ``launch_dir``. Whether a URL leads to a file
    is not checked here.

    Args:
        path: the sheet: CSV, TSV, YAML or JSON.
        launch_dir: where the run was started.
        schema: JSON Schema of a row; None for the columns that are not described here.
        origin: URL of the sheet when ``path`` is only its copy.

    Raises:
        SheetError: mistakes in rows, all of them.
        InputError: the sheet cannot be read.
    """
    name = origin or str(path)
    table = read_rows(path)
    if not {"fastq_1", "file"} & set(table.columns) or "sample" not in table.columns:
        found = ", ".join(table.columns) or "none"
        raise SheetError(
            [f"{name}: needs the columns sample and fastq_1 or file; its columns are {found}"]
        )
    if not table.rows:
        raise SheetError([f"{name}: has no samples; add one {table.unit} for each"])
    base = origin.rpartition("/")[0] if origin else path.parent
    reader = _SheetReader(name, table.unit, base, launch_dir, _validator(schema))
    for row in table.rows:
        reader.add(row)
    if reader.errors:
        raise SheetError(reader.errors)
    unused = [column for column in table.columns if column and column not in SHEET_COLUMNS]
    reading = SheetReading(reader.samples())
    if unused:
        reading.notes.append(f"{name}: nothing reads the columns {', '.join(unused)}")
    return reading


@dataclass(slots=True)
class _SheetReader:
    name: str
    unit: str
    base: Path | str
    launch_dir: Path
    validator: Draft202012Validator
    errors: list[str] = field(default_factory=list)
    lanes: dict[str, list[tuple[SheetRow, tuple[str, ...]]]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    def add(self, row: SheetRow) -> None:
        known = {name: text for name, text in row.values.items() if name in SHEET_COLUMNS}
        problems = [*self._problems_of_columns(known)]
        files = []
        for column in ("fastq_1", "fastq_2", "file"):
            if column in known:
                file = self._resolve(known[column])
                problems += self._problems_of_file(row, column, known[column], file)
                files.append(file)
        sample = known.get("sample", "")
        lanes = self.lanes.setdefault(sample, [])
        if sample and lanes and len(lanes[0][1]) != len(files):
            problems.append(
                f"sample {sample} has one file here and a pair of files in {self.unit} "
                f"{lanes[0][0].number}, or the other way round"
            )
        self.errors += [f"{self.name}, {self.unit} {row.number}: {text}" for text in problems]
        lanes.append((row, tuple(files)))

    def samples(self) -> list[Sample]:
        return [
            Sample(
                name=name,
                files=tuple(file for _, files in lanes for file in files),
                paired=len(lanes[0][1]) == 2,
                row=lanes[0][0].number,
            )
            for name, lanes in self.lanes.items()
        ]

    def _problems_of_columns(self, known: dict[str, str]) -> Iterator[str]:
        if "sample" not in known:
            yield "has no sample; give it a name"
        for error in self.validator.iter_errors(known):
            if error.absolute_path:
                column = str(error.absolute_path[0])
                hint = error.schema.get("errorMessage", error.message)
                yield f"{column} is '{known[column]}', it must be {hint}"
        if "file" in known and ("fastq_1" in known or "fastq_2" in known):
            yield "has both file and fastq_1 or fastq_2; give one of them"
        elif "fastq_2" in known and "fastq_1" not in known:
            yield "has fastq_2 without fastq_1; give both, or put the file into fastq_1"
        elif "file" not in known and "fastq_1" not in known:
            yield "has no file; fill in fastq_1 or file"

    def _resolve(self, text: str) -> str:
        if is_url(text) or Path(text).is_absolute():
            return text
        if isinstance(self.base, str):
            return f"{self.base}/{text}"
        beside = self.base / text
        started = self.launch_dir / text
        return str(started if is_there(started) and not is_there(beside) else beside)

    def _problems_of_file(self, row: SheetRow, column: str, given: str, file: str) -> Iterator[str]:
        if _UNFIT.search(file):
            shown = given if _UNFIT.search(given) else file
            yield (
                f"{column} {shown!r}: a path with one of $ ` * ? [ ] {{ }}, a tab or a line break "
                "cannot reach the tasks; rename it"
            )
            return
        if not is_url(file):
            local = Path(file)
            if not is_there(local):
                yield f"{column} {given}: there is no such file"
                return
            if local.is_dir():
                yield f"{column} {given}: this is a folder; name a file in it"
            file = str(local.resolve())
        if file in self.seen:
            yield f"{column} {given}: this file is already in {self.unit} {self.seen[file]}"
        self.seen.setdefault(file, row.number)


@cache
def _validator(schema: Path | None) -> Draft202012Validator:
    content: Any = {} if schema is None else json.loads(schema.read_text(encoding="utf-8"))
    return Draft202012Validator(content.get("items", {}))
