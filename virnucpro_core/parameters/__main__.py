"""What the head job asks before the first task: a JSON object in, a JSON object out.

``{"given": {parameter: value}, "launch_dir": …, "sheet": …, "sheet_origin": …}`` on standard input
is answered with ``{"errors": [line], "notes": [line], "values": {parameter: value}, "samples":
[{"id", "files", "paired", "row"}]}``; ``{"help": name or true, "hidden": bool}`` with ``{"text"}``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from virnucpro_core.errors import InputError
from virnucpro_core.parameters import ParameterSchema, check_parameters, render_help
from virnucpro_core.samples import SheetError, is_sheet, read_sheet

_PROJECT = Path(__file__).resolve().parents[2]


def _main() -> None:
    request = json.load(sys.stdin)
    schema = ParameterSchema.read(_PROJECT / "nextflow_schema.json")
    if "help" in request:
        asked = request["help"]
        name = asked if isinstance(asked, str) and asked != "true" else None
        answer: dict[str, Any] = {"text": render_help(schema, name, hidden=request["hidden"])}
    else:
        answer = _check(schema, request)
    json.dump(answer, sys.stdout)


def _check(schema: ParameterSchema, request: dict[str, Any]) -> dict[str, Any]:
    checked = check_parameters(schema, request["given"])
    errors = list(checked.errors)
    errors += _problems_of_dry_run(checked.values)
    errors += _problems_of_benchmark(checked.values)
    launch_dir = Path(request["launch_dir"])
    given = checked.values.get("input")
    samples: list[dict[str, Any]] = []
    notes = list(checked.notes)
    if checked.values.get("task") == "train":
        # Its input is a sheet of genomes; workflows/genomes.nf reads it.
        errors += _problems_of_training(checked.values)
    elif checked.values.get("task") != "benchmark" and given is not None and is_sheet(given):
        if checked.values.get("sample") is not None:
            errors.append("--sample is for one file; a samplesheet names its samples itself")
        try:
            reading = read_sheet(
                Path(request.get("sheet") or launch_dir / given),
                launch_dir=launch_dir,
                schema=_PROJECT / "assets" / "schema_input.json",
                origin=request.get("sheet_origin"),
            )
        except SheetError as error:
            errors += error.lines
        except InputError as error:
            errors.append(f"--input {given}: {error}")
        else:
            notes += reading.notes
            samples = [
                {"id": each.name, "files": each.files, "paired": each.paired, "row": each.row}
                for each in reading.samples
            ]
    elif (
        given not in (None, "-")
        and not is_sheet(given)
        and not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", given)
    ):
        errors += _problems_of_file(launch_dir / given, given)
    return {"errors": errors, "notes": notes, "values": checked.values, "samples": samples}


def _problems_of_dry_run(values: Mapping[str, Any]) -> list[str]:
    """What ``--dry_run`` cannot tell."""
    if values.get("dry_run") is not True:
        return []
    problems = []
    if values.get("task") not in (None, "predict"):
        problems.append(f"--dry_run is for --task predict, not for {values['task']}; leave it out")
    if values.get("input") == "-":
        problems.append("--dry_run cannot read standard input, which is gone then; name a file")
    return problems


def _problems_of_benchmark(values: Mapping[str, Any]) -> list[str]:
    """What is for ``--task benchmark`` and is given without it, and what that cannot take."""
    if values.get("task") != "benchmark":
        return [
            f"--{name} is for --task benchmark; leave it out"
            for name in ("suite", "quick", "against")
            if values.get(name) not in (None, False)
        ]
    given = values.get("input")
    if given is not None and (given == "-" or is_sheet(given)):
        return [f"--input {given}: a benchmark measures with one file of reads; name that"]
    return []


def _problems_of_training(values: Mapping[str, Any]) -> list[str]:
    """Parameters of ``--task train`` that contradict each other."""
    problems = []
    shortest, longest = values["shortest_window"], values["longest_window"]
    if _are_numbers(shortest, longest) and longest < shortest:
        problems.append(
            f"--longest_window is {longest}, it must be at least --shortest_window ({shortest})"
        )
    shares = validation, test = values["validation_share"], values["test_share"]
    if _are_numbers(*shares) and (min(shares) <= 0 or sum(shares) >= 1):
        problems.append(
            f"--validation_share is {validation} and --test_share {test}; both must be above 0, "
            "and leave something to train on"
        )
    return problems


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _problems_of_file(path: Path, given: str) -> list[str]:
    if not path.exists():
        return [f"--input {given}: there is no such file"]
    if not path.is_file():
        return [f"--input {given}: this is not a file; name a file with sequences or a samplesheet"]
    return []


_main()
