#!/usr/bin/env python3
"""Write docs/parameters.md from nextflow_schema.json: scripts/parameters_page.py"""

from __future__ import annotations

import json
from pathlib import Path

from virnucpro_core.parameters import Parameter, ParameterSchema

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "parameters.md"


def page(schema: ParameterSchema) -> str:
    """The page as Markdown: a section for each group, a row for each parameter."""
    lines = [
        "# Parameters",
        "",
        "Made from `nextflow_schema.json` by `scripts/parameters_page.py`. `--help` prints the",
        "same; [usage.md](usage.md) explains how they are used.",
    ]
    for group in schema.groups:
        lines += ["", f"## {group.title}", ""]
        if group.description:
            lines += [group.description, ""]
        lines += ["| parameter | meaning | default |", "|---|---|---|"]
        lines += [_row(parameter) for parameter in group.parameters]
    return "\n".join(lines) + "\n"


def _row(parameter: Parameter) -> str:
    meaning = str(parameter.rules["description"])
    if values := parameter.rules.get("enum"):
        meaning += f" One of {', '.join(f'`{value}`' for value in values)}."
    if more := parameter.rules.get("help_text"):
        meaning += f" {more}"
    meaning = meaning.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
    return f"| `--{parameter.name}` | {meaning} | {_default(parameter)} |"


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None:
        return "none"
    if isinstance(parameter.default, str):
        return f"`{parameter.default.replace('${projectDir}/', '')}`"
    return f"`{json.dumps(parameter.default)}`"


if __name__ == "__main__":
    PAGE.write_text(page(ParameterSchema.read(PROJECT / "nextflow_schema.json")), encoding="utf-8")
