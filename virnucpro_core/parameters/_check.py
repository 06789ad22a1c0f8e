"""Checking parameters against the schema: all mistakes at once, a line each."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from virnucpro_core.parameters._old_names import translate_old_names
from virnucpro_core.parameters._schema import Parameter, ParameterSchema

__all__ = ["CheckedParameters", "check_parameters"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

_PROFILES = ("slurm", "awsbatch")
"""Groups whose parameters exist only with the profile of that name, which nothing else reads."""

_OF_NEXTFLOW = frozenset(
    {"bg", "name", "params_file", "preview", "profile", "stub_run", "w", "with_conda"}
    | {"with_docker", "with_report", "with_trace", "work_dir"}
)
"""Options of ``nextflow run`` in snake case, which have one dash."""

_CALL_RULES = ("threshold", "preset", "fdr")
"""Parameters of which at most one may have a value."""


@dataclass(frozen=True, slots=True)
class CheckedParameters:
    """What became of the given parameters.

    Attributes:
        values: every known parameter in the type of the schema, None where it has no value.
        errors: a line for each mistake.
        notes: a line for each option of VirNucPro 2.0 that was translated or left out.
    """

    values: Mapping[str, Any]
    errors: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check_parameters(schema: ParameterSchema, given: Mapping[str, Any]) -> CheckedParameters:
    """Check ``given``, parameters as `as_written` leaves them: numbers may be texts still, and an
    option without a value is true."""
    known = schema.parameters()
    unknown = _unknown(given, list(known))
    old = translate_old_names(given, unknown, schema.defaults())
    given = old.given
    errors = [*_misspelt(old.unknown, list(known)), *old.errors]
    errors += _without_profile(schema, given)
    values: dict[str, Any] = {}
    valueless: set[str] = set()
    for name, parameter in known.items():
        value = _typed(parameter, given.get(name))
        if value is True and "boolean" not in parameter.types:
            errors.append(f"--{name} has no value; {_first_small(parameter)}")
            value = None
            valueless.add(name)
        values[name] = value
    present = {name: value for name, value in values.items() if value is not None}
    seen = set()
    for error in Draft202012Validator(schema.content).iter_errors(present):
        if error.validator == "required":
            missing = [n for n in error.validator_value if n not in present and n not in valueless]
            errors += [f"--{name} is missing; name {_allowed(known[name])}" for name in missing]
        # One mistake of a value is enough.
        elif error.absolute_path and (name := str(error.absolute_path[0])) not in seen:
            seen.add(name)
            text = str(given[name])
            near = _nearest(text, known[name])
            errors.append(f"--{name} is '{text}', it must be {_allowed(known[name])}{near}")
    for name, value in present.items():
        # JSON Schema's limits do not hold back NaN, which is neither below nor above them.
        if name not in seen and isinstance(value, float) and not math.isfinite(value):
            seen.add(name)
            errors.append(f"--{name} is '{value}', it must be {_allowed(known[name])}")
        # In Python the end of a pattern matches before a last line break, too.
        if name not in seen and isinstance(value, str) and re.search(r"[\n\r]", value):
            errors.append(f"--{name} has a line break in it; write it in one line")
    errors += [*_two_rules(values), *_not_of_reference(values)]
    return CheckedParameters(values, tuple(errors), tuple(old.notes))


def _unknown(given: Mapping[str, Any], known: list[str]) -> dict[str, str]:
    """Names that are no parameters, with the same in snake case."""
    # Nextflow adds a camel-case twin to every name with a dash.
    twins = {re.sub(r"-(\w)", lambda m: m[1].upper(), name) for name in given if "-" in name}
    # my-name and myName are my_name here.
    return {
        name: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).replace("-", "_").lower()
        for name in given
        if name not in known and name not in twins
    }


def _misspelt(unknown: Mapping[str, str], known: list[str]) -> Iterator[str]:
    for name, snake in unknown.items():
        if snake in _OF_NEXTFLOW:
            option = snake.replace("_", "-")
            yield f"Unknown parameter --{name}; Nextflow's option has one dash: -{option}"
            continue
        near = difflib.get_close_matches(snake, known, n=1)
        hint = f"did you mean --{near[0]}?" if near else "--help lists those that exist"
        yield f"Unknown parameter --{name}; {hint}"


def _without_profile(schema: ParameterSchema, given: Mapping[str, Any]) -> Iterator[str]:
    for group in schema.groups:
        names = [parameter.name for parameter in group.parameters]
        present = [name for name in names if name in given]
        # Only the profile defines all of them.
        if group.key in _PROFILES and present and len(present) < len(names):
            yield f"--{present[0]} is for jobs of {group.title}; add -profile {group.key}"


def _two_rules(values: Mapping[str, Any]) -> Iterator[str]:
    rules = [name for name in _CALL_RULES if values.get(name) is not None]
    if len(rules) > 1:
        named = " and ".join(f"--{name}" for name in rules)
        yield f"{named} are different rules for what is a virus; give one"


def _not_of_reference(values: Mapping[str, Any]) -> Iterator[str]:
    if values.get("engine") != "v1":
        return
    precision, attention = values.get("precision"), values.get("attention")
    if precision not in (None, "auto", "fp32"):
        yield f"--engine v1 computes in fp32 only; leave out --precision {precision}"
    if attention not in (None, "auto"):
        yield f"--engine v1 has an attention of its own; leave out --attention {attention}"


def _typed(parameter: Parameter, value: Any) -> Any:
    """``value`` in the type of the schema where it is one written as text; else as it is."""
    if value is None or value == "":
        return None
    if "boolean" in parameter.types and str(value) in ("true", "false", "True", "False"):
        return str(value).lower() == "true"
    if isinstance(value, str):
        text = value.strip()
        if "integer" in parameter.types and re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        if "number" in parameter.types and _NUMBER.fullmatch(text):
            return float(text)
    if "string" in parameter.types and not isinstance(value, bool):
        return str(value)  # a sample may be called 12
    return value


def _allowed(parameter: Parameter) -> str:
    rules = parameter.rules
    if "errorMessage" in rules:
        return str(rules["errorMessage"])
    if "enum" in rules:
        *most, last = map(str, rules["enum"])
        return f"{', '.join(most)} or {last}" if most else last
    if "boolean" in parameter.types:
        return "true or false"
    noun = "a whole number" if "integer" in parameter.types else "a number"
    low, high = rules.get("minimum"), rules.get("maximum")
    if high is None or high >= 999_999_999:
        return f"{noun} of at least {low}" if low is not None else noun
    return f"{noun} from {low} to {high}"


def _nearest(text: str, parameter: Parameter) -> str:
    """Which of the words that it may be was probably meant, as the end of a sentence."""
    near = difflib.get_close_matches(text, map(str, parameter.rules.get("enum", ())), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _first_small(parameter: Parameter) -> str:
    text = str(parameter.rules["description"]).rstrip(".")
    return text[0].lower() + text[1:]
