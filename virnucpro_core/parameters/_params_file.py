"""A commented file of parameters for ``nextflow run -params-file``, from the schema."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator

from virnucpro_core.parameters._schema import Parameter, ParameterSchema

__all__ = ["render_params_file"]

_HEAD = """\
# Parameters of VirNucPro-NF, for
#
#     nextflow run main.nf -params-file {name}
#
# A line '# name: value' is what holds anyway: take the '# ' away to change it.
# What is given on the command line comes before what is given here.
"""

_WIDTH = 98
_PROJECT = "${projectDir}/"


def render_params_file(
    schema: ParameterSchema, *, name: str = "params.yaml", hidden: bool = False
) -> str:
    """The file as YAML: required parameters to fill in, the others as comments with their defaults.

    Args:
        schema: the parameters.
        name: of the file, for the comment at its head.
        hidden: whether hidden parameters are in it, too.
    """
    lines = [_HEAD.format(name=name)]
    for group in schema.groups:
        shown = [each for each in group.parameters if each.name != "help"]
        shown = [each for each in shown if hidden or not each.hidden]
        if not shown:
            continue
        lines.append(f"# ---- {group.title} ----")
        if group.description:
            lines += _comment(group.description)
        lines.append("")
        for parameter in shown:
            lines += [*_render(parameter), ""]
    return "\n".join(lines)


def _render(parameter: Parameter) -> Iterator[str]:
    rules = parameter.rules
    yield from _comment(str(rules["description"]))
    if "enum" in rules:
        yield from _comment(f"One of {', '.join(map(str, rules['enum']))}.")
    elif "minimum" in rules or "maximum" in rules:
        bounds = [
            f"{word} {rules[key]}"
            for key, word in (("minimum", "at least"), ("maximum", "at most"))
            if key in rules
        ]
        yield from _comment(f"{' and '.join(bounds).capitalize()}.")
    if parameter.required:
        yield f"{parameter.name}: {json.dumps('reads.fastq.gz')}"
    elif parameter.default is None:
        yield f"# {parameter.name}:"
    else:
        default = parameter.default
        if isinstance(default, str) and default.startswith(_PROJECT):
            # A file of parameters knows no projectDir; what is in the project has a name.
            default = default.rpartition("/")[2]
        yield f"# {parameter.name}: {json.dumps(default)}"


def _comment(text: str) -> list[str]:
    return [f"## {line}" for line in textwrap.wrap(text, _WIDTH, break_on_hyphens=False)]
