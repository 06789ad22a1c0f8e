"""Cases of samplesheets and of files of parameters."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.fuzz.containers import change_bytes
from tests.fuzz.expected import ANY, REFUSED, Expected
from tests.fuzz.reads import WINDOW_SIZE, Case
from virnucpro_core.parameters import ParameterSchema, check_run
from virnucpro_core.store import RecordTable

_SCHEMA = ParameterSchema.read(Path(__file__).parents[2] / "nextflow_schema.json")
_TAKEN = Expected(())

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A samplesheet as data, and the ids that each sample must have.

    Attributes:
        rows: by column.
        ids: those of the records of each sample, in order.
    """

    rows: list[Row]
    ids: dict[str, list[str]]


def sheet_case(rng: random.Random, folder: Path) -> Case:
    """Samples of a sheet in one of its formats, with a change that may make it unusable."""
    sheet = _draw_sheet(rng, folder)
    expected = _TAKEN if sheet.rows else REFUSED
    change = rng.choice(["none", *_ROW_CHANGES] if sheet.rows else ["none"])
    if change in _ROW_CHANGES:
        expected = _ROW_CHANGES[change](sheet, rng)
    suffix = rng.choice(["csv", "tsv", "yaml", "yml", "json"])
    data = _write_sheet(sheet.rows, suffix, rng)
    name = "none"
    if rng.random() < 0.5:
        name, data, expected = _change_sheet_text(data, suffix, rng, expected)
    path = folder / f"samples.{suffix}"
    path.write_bytes(data)
    words = ("prepare", "--sheet", str(path), "--window-size", WINDOW_SIZE, "--outdir", str(folder))
    check = partial(_sheet_differences, path, folder, sheet.ids if expected.is_known else None)
    return Case(f"{suffix} sheet: {change}, {name}", words, expected, check=check)


def _sheet_differences(
    path: Path, folder: Path, ids: dict[str, list[str]] | None, code: int | None
) -> list[str]:
    """What the pipeline's own check says against it, and samples that came out otherwise."""
    given = {**_SCHEMA.defaults(), "input": str(path)}
    run = check_run(_SCHEMA, given, launch_dir=folder)
    wrong = [f"an error of two lines: {line!r}" for line in run.errors if "\n" in line]
    if code or ids is None:
        return wrong
    if {sample.name for sample in run.samples} != set(ids):
        wrong.append(f"the samples are {run.samples} {run.errors}, {list(ids)} were expected")
    for name, expected in ids.items():
        table = RecordTable.open(folder / f"{name}.records.h5")
        found = [record_id.decode() for rows in table.blocks() for record_id in rows.ids]
        if found != expected:
            wrong.append(f"sample {name} has the records {found}, {expected} were expected")
    return wrong


def _draw_sheet(rng: random.Random, folder: Path) -> Sheet:
    rows: list[Row] = []
    ids: dict[str, list[str]] = {}
    column = rng.choice(["file", "fastq_1"])
    for number in range(rng.choice([0, 1, 2, 5])):
        name = rng.choice(["s", "1e", "007_", "null_", "A.b-", "true"]) + str(number)
        lanes = rng.choice([1, 1, 2])
        is_paired = column == "fastq_1" and rng.random() < 0.5
        ids[name] = []
        for lane in range(lanes):
            row = {"sample": name}
            for mate in (1, 2) if is_paired else (1,):
                file = (
                    folder / f"{number}{rng.choice(['', ' ', ', ', ';', ':', '#'])}{lane}_{mate}.fa"
                )
                file.write_text("".join(f">{name}_{lane}_{n}\nACGT\n" for n in range(2)))
                row["fastq_2" if mate == 2 else column] = (
                    str(file) if rng.random() < 0.5 else file.name
                )
            rows.append(row)
            ends = ("/1", "/2") if is_paired else ("",)
            ids[name] += [f"{name}_{lane}_{n}{end}" for n in range(2) for end in ends]
    return Sheet(rows, ids)


def _columns(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row)) or ["sample", "file"]


def _write_sheet(rows: list[Row], suffix: str, rng: random.Random) -> bytes:
    if suffix == "json":
        return json.dumps(rows, indent=rng.choice([None, 2])).encode()
    if suffix in ("yaml", "yml"):
        return str(yaml.safe_dump(rows, default_flow_style=rng.choice([None, True]))).encode()
    columns = _columns(rows)
    rng.shuffle(columns)
    text = io.StringIO()
    delimiter = "\t" if suffix == "tsv" else ","
    writer = csv.DictWriter(
        text, columns, delimiter=delimiter, lineterminator="\n",
        quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )  # fmt: skip
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _row_removed(sheet: Sheet, rng: random.Random) -> Expected:
    row = sheet.rows.pop(rng.randrange(len(sheet.rows)))
    if all(row["sample"] != other["sample"] for other in sheet.rows):
        del sheet.ids[row["sample"]]
        return _TAKEN if sheet.rows else REFUSED
    return ANY  # which of the lanes is gone does not matter here


def _row_again(sheet: Sheet, rng: random.Random) -> Expected:
    sheet.rows.append(dict(rng.choice(sheet.rows)))
    return REFUSED


def _other_column(sheet: Sheet, rng: random.Random) -> Expected:
    for row in sheet.rows:
        row["strandedness"] = "auto"
    return _TAKEN


def _no_sample(sheet: Sheet, rng: random.Random) -> Expected:
    rng.choice(sheet.rows)["sample"] = ""
    return REFUSED


def _no_such_file(sheet: Sheet, rng: random.Random) -> Expected:
    row = rng.choice(sheet.rows)
    row["file" if "file" in row else "fastq_1"] = rng.choice(
        ["nowhere.fa", "", "/", ".", "x" * 300, "a\0b", "a\nb", "$(x)", "\u00e9.fa", "~nobody/x"]
    )
    return REFUSED


def _both_columns(sheet: Sheet, rng: random.Random) -> Expected:
    row = rng.choice(sheet.rows)
    row["file"] = row["fastq_1"] = row.get("file") or row["fastq_1"]
    return REFUSED


_ROW_CHANGES: dict[str, Callable[[Sheet, random.Random], Expected]] = {
    "row removed": _row_removed,
    "row again": _row_again,
    "other column": _other_column,
    "no sample": _no_sample,
    "no such file": _no_such_file,
    "both columns": _both_columns,
}


def _change_sheet_text(
    data: bytes, suffix: str, rng: random.Random, expected: Expected
) -> tuple[str, bytes, Expected]:
    name = rng.choice(["BOM", "CRLF", "blank lines", "UTF-16", "cut", "bytes changed", "nested"])
    if name == "BOM":
        return name, b"\xef\xbb\xbf" + data, expected
    if name == "CRLF":
        return name, data.replace(b"\n", b"\r\n"), expected
    if name == "blank lines":
        return name, b"\n\n" + data + b"\n\n", expected
    if name == "UTF-16":
        return name, data.decode().encode("utf-16"), REFUSED
    if name == "cut":
        return name, data[: rng.randrange(len(data) + 1)], ANY
    if name == "nested":
        return (
            name,
            rng.choice([b"[" * 20_000, b'{"a":' * 20_000, b'"' * 99, b"- " * 5_000]),
            (REFUSED),
        )
    name, data = change_bytes(data, rng)
    return name, data, ANY


_GOOD: dict[str, list[Any]] = {
    "shard_frames": [1, "7", 20_000],
    "threshold": [0.5, "0.5", 0, 1],
    "precision": ["fp32", "auto"],
    "save_scores": [True, False, "true"],
    "sample": ["s", "a.b-c"],
    "prevalence": ["auto", "0.1"],
    "outdir": ["results", "/tmp/some where"],
}
_BAD: dict[str, list[Any]] = {
    "shard_frames": [0, -1, 1.5, "many", [1], {"a": 1}, 10**30, float("nan"), float("inf")],
    "threshold": [1.5, -0.1, "high", [0.5], float("nan")],
    "precision": ["fp33", 16, [], "x" * 5_000],
    "save_scores": ["maybe", 2, [True]],
    "sample": ["a/b", "-x", "a b", "\u00e9", "a\nb", ["s"]],
    "prevalence": ["some", 2, -1],
    "preset": ["balance", 1],
    "shard_frame": [1],
    "input": ["nowhere.fa", "/", 7, ["a"], "a\0b", "x" * 300],
}


def parameters_case(rng: random.Random, folder: Path) -> Case:
    """A file of parameters, with values that may or may not be had."""
    reads = folder / "reads.fa"
    reads.write_text(">a\nACGT\n")
    names = rng.sample(list(_GOOD), rng.randrange(len(_GOOD)))
    given: dict[str, Any] = {"input": str(reads)}
    given |= {name: rng.choice(_GOOD[name]) for name in names}
    expected, change = _TAKEN, "none"
    if rng.random() < 0.6:
        change = rng.choice(list(_BAD))
        given[change] = rng.choice(_BAD[change])
        expected = REFUSED
    suffix = rng.choice(["yaml", "json"])
    text = json.dumps(given) if suffix == "json" else yaml.safe_dump(given, allow_unicode=True)
    data = text.encode()
    name = "none"
    if rng.random() < 0.4:
        name, data, expected = _change_sheet_text(data, suffix, rng, expected)
    path = folder / f"params.{suffix}"
    path.write_bytes(data)
    words = ("doctor", "input", "--params-file", str(path))
    return Case(f"{suffix} parameters: {change}, {name}", words, expected)
