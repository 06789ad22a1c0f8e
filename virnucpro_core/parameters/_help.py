"""``--help``, from the schema."""

from __future__ import annotations

import difflib
import json
import textwrap

from virnucpro_core.parameters._schema import Parameter, ParameterGroup, ParameterSchema

__all__ = ["render_help"]

_USAGE = """\
  nextflow run main.nf --input reads.fastq.gz --outdir results [options]
  nextflow run main.nf --input samples.csv --outdir results [options]
  nextflow run main.nf --task embed --input proteins.faa --outdir results [options]
  nextflow run main.nf --task train --input genomes.csv --outdir results [options]
  nextflow run main.nf --task benchmark --suite equivalence --quick --outdir results [options]
"""

_END = """\
Nextflow's own options have one dash: -resume, -work-dir DIR, and
-profile demo|test|gpu|slurm|awsbatch|docker|singularity|apptainer|conda.
"""

_WIDTH = 100
_COLUMN = 26


def render_help(schema: ParameterSchema, name: str | None = None, *, hidden: bool = False) -> str:
    """The help as text, wrapped.

    Args:
        schema: the parameters.
        name: of one parameter, of which everything is told; None for a list of all.
        hidden: list hidden parameters, too.
    """
    if name is not None:
        return _render_one(schema, name.lstrip("-"))
    parts = [schema.description, "", _USAGE]
    n_hidden = 0
    for group in schema.groups:
        shown = [each for each in group.parameters if hidden or not each.hidden]
        n_hidden += len(group.parameters) - len(shown)
        if shown:
            parts.append(_render_group(group, shown))
    if n_hidden:
        parts.append(f"{n_hidden} more: --help --show_hidden. All of one: --help NAME.\n")
    parts.append(_END)
    return "\n".join(parts)


def _render_group(group: ParameterGroup, shown: list[Parameter]) -> str:
    heading = f"{group.title}. {group.description}".rstrip(". ") + ":"
    return "\n".join([heading, *map(_render, shown), ""])


def _render(parameter: Parameter) -> str:
    start = f"  --{parameter.name} {_placeholder(parameter)}".rstrip()
    text = str(parameter.rules["description"])
    if "enum" in parameter.rules:
        text += f" One of {', '.join(map(str, parameter.rules['enum']))}."
    if shown := _default(parameter):
        text += f" [{shown}]"
    lines = textwrap.wrap(text, _WIDTH - _COLUMN, break_on_hyphens=False)
    first = f"{start:<{_COLUMN - 1}} "
    if len(start) >= _COLUMN:
        return "\n".join([start, *(" " * _COLUMN + line for line in lines)])
    return "\n".join([first + lines[0], *(" " * _COLUMN + line for line in lines[1:])])


def _placeholder(parameter: Parameter) -> str:
    if "boolean" in parameter.types:
        return ""
    if "integer" in parameter.types:
        return "N"
    if "number" in parameter.types:
        return "X"
    kinds = {"file-path": "FILE", "directory-path": "DIR"}
    return kinds.get(parameter.rules.get("format", ""), "TEXT")


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None:
        return ""
    if isinstance(parameter.default, str):
        return parameter.default.replace("${projectDir}/", "")
    return json.dumps(parameter.default)


def _render_one(schema: ParameterSchema, name: str) -> str:
    known = schema.parameters()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean --{near[0]}?" if near else "--help lists those that exist"
        return f"Unknown parameter --{name}; {hint}\n"
    parameter = known[name]
    lines = [_render(parameter)]
    if "help_text" in parameter.rules:
        lines += ["", *textwrap.wrap(str(parameter.rules["help_text"]), _WIDTH)]
    rules = {
        rule: parameter.rules[rule]
        for rule in ("minimum", "maximum", "pattern")
        if rule in parameter.rules
    }
    if rules:
        lines += ["", ", ".join(f"{rule} {value}" for rule, value in rules.items())]
    return "\n".join(lines) + "\n"
