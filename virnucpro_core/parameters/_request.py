"""What the head job asks before the first task, and what it is answered."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from virnucpro_core.parameters._as_written import (
    CommandLine,
    as_written,
    names_in_configuration,
    read_texts,
)
from virnucpro_core.parameters._check_run import check_run
from virnucpro_core.parameters._help import render_help
from virnucpro_core.parameters._profiles import PROFILES, problems_of_profiles
from virnucpro_core.parameters._schema import ParameterSchema

__all__ = ["answer"]

_DISTRIBUTION = "virnucpro-core"
_SHOWN = 3


def answer(request: Mapping[str, Any], project: Path) -> dict[str, Any]:
    """Answer a request of lib/Parameters.groovy.

    ``{"help": name or true, "hidden": bool}`` with ``{"text"}``; and ``{"given": {parameter:
    value}, "command_line", "arguments": [word], "profiles": [name], "launch_dir", "sheet",
    "sheet_origin", "runs_tasks": bool}``, of which all but the first and ``launch_dir`` may be
    missing, with ``{"errors": [line], "notes": [line], "values": {parameter: value}, "samples":
    [{"id", "files", "paired", "row"}]}``.

    Args:
        request: as above.
        project: folder of the pipeline.
    """
    schema = ParameterSchema.read(project / "nextflow_schema.json")
    if "help" in request:
        asked = request["help"]
        name = asked if isinstance(asked, str) and asked != "true" else None
        return {"text": render_help(schema, name, hidden=request["hidden"])}
    profiles = request.get("profiles", [])
    command_line = CommandLine.parse(request.get("command_line", ""))
    errors = _problems_of_arguments(request.get("arguments", []), command_line)
    errors += problems_of_profiles(profiles)
    if request.get("runs_tasks"):
        errors += _problems_of_packages(project)

    launch_dir = Path(request["launch_dir"])
    params_file = command_line.params_file or os.environ.get("NXF_PARAMS_FILE")
    # What Nextflow fetches from elsewhere is not looked into; then nothing is known of its origin.
    is_elsewhere = bool(params_file) and "://" in str(params_file)
    texts = read_texts(launch_dir / params_file) if params_file and not is_elsewhere else {}
    configured = frozenset() if is_elsewhere else names_in_configuration(project)
    given = as_written(schema, request["given"], command_line, texts, configured)
    sheet = request.get("sheet")
    run = check_run(
        schema,
        given.values,
        launch_dir=launch_dir,
        wrong=given.errors,
        profiles=profiles,
        sheet=Path(sheet) if sheet else None,
        sheet_origin=request.get("sheet_origin"),
    )
    return {
        "errors": [*errors, *run.errors],
        "notes": [*given.notes, *run.notes],
        "values": run.values,
        "samples": [
            {"id": each.name, "files": each.files, "paired": each.paired, "row": each.row}
            for each in run.samples
        ],
    }


def _problems_of_arguments(arguments: Sequence[str], command_line: CommandLine) -> list[str]:
    """A line for words that stand alone: to Nextflow they are for the script, which reads none."""
    words = [word for word in arguments if word]  # an empty one is told where it stands
    # Nextflow gives these options a value that they do not take.
    if "true" in words and {"-stub", "-stub-run"} & set(command_line.words):
        words.remove("true")
    if not words:
        return []
    told = f"'{' '.join(words)}' on the command line belongs to no option; "
    if any(word.endswith(",") for word in command_line.words) or PROFILES & set(words):
        return [told + "write profiles without a space: -profile test,docker"]
    return [
        told + "several files go into a samplesheet (docs/usage.md#samplesheet), which --input "
        "names; a value with a space stands in quotes"
    ]


def _problems_of_packages(project: Path) -> list[str]:
    """A line where this Python, which the tasks get, has not all that they need."""
    # The project itself is on the path of this process only.
    installed = [
        each
        for each in metadata.distributions(name=_DISTRIBUTION)
        if Path(str(each.locate_file(""))).resolve() != project.resolve()
    ]
    missing = [_DISTRIBUTION]
    if installed:
        needs = [need for need in installed[0].requires or [] if "extra ==" not in need]
        names = [_name_of(need) for need in needs]
        missing = [name for name in names if not any(metadata.distributions(name=name))]
    if not missing:
        return []
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return [
        f"The tasks would get {sys.executable}, which lacks {', '.join(missing[:_SHOWN])}{more}; "
        "run 'make setup' and '. .venv/bin/activate', or use -profile conda or a container "
        "(docs/usage.md#containers)"
    ]


def _name_of(requirement: str) -> str:
    """The name at the start of a requirement, such as ``xopen[zstd]<3,>=2.0.2``."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return found[0]
