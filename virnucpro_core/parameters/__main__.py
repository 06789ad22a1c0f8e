"""What the head job asks before the first task: a JSON object in, a JSON object out.

``{"given": {parameter: value}, "launch_dir": …, "sheet": …, "sheet_origin": …}`` on standard input
is answered with ``{"errors": [line], "notes": [line], "values": {parameter: value}, "samples":
[{"id", "files", "paired", "row"}]}``; ``{"help": name or true, "hidden": bool}`` with ``{"text"}``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from virnucpro_core.parameters import ParameterSchema, check_run, render_help

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
    sheet = request.get("sheet")
    run = check_run(
        schema,
        request["given"],
        launch_dir=Path(request["launch_dir"]),
        sheet=Path(sheet) if sheet else None,
        sheet_origin=request.get("sheet_origin"),
    )
    return {
        "errors": run.errors,
        "notes": run.notes,
        "values": run.values,
        "samples": [
            {"id": each.name, "files": each.files, "paired": each.paired, "row": each.row}
            for each in run.samples
        ],
    }


_main()
