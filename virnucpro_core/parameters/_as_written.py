"""What the user wrote: Nextflow makes numbers and booleans of it before the pipeline sees it.

``--sample 007`` arrives as 7, ``sample: 0123`` of a file of parameters as 83 and ``1_000`` as 1000.
Here such values become again what stands on the command line or in the file.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from virnucpro_core.parameters._schema import Parameter, ParameterSchema

__all__ = ["CommandLine", "Given", "as_written", "names_in_configuration", "read_texts"]

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
"""Words that Nextflow makes a number of."""

_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
"""Words that are a value to Nextflow although they begin with a dash."""

_SHEET = "several files go into a samplesheet (docs/usage.md#samplesheet)"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What ``nextflow run`` was told.

    Attributes:
        words: all of it.
        values: of each ``--parameter`` all its values in their order, None where none stands.
        params_file: the file of ``-params-file``.
    """

    words: tuple[str, ...] = ()
    values: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    params_file: str | None = None

    @classmethod
    def parse(cls, text: str) -> CommandLine:
        """Take a command line apart that is quoted for a shell, as Nextflow keeps it."""
        words = tuple(shlex.split(text))
        values: dict[str, tuple[str | None, ...]] = {}
        params_file = None
        left = deque(words)
        while left:
            word = left.popleft()
            if word == "-params-file" and left:
                params_file = left.popleft()
            elif re.match(r"--[A-Za-z0-9]", word):
                name, sign, value = word[2:].partition("=")
                own = value if sign else left.popleft() if left and _is_value(left[0]) else None
                values[name] = (*values.get(name, ()), own)
        return cls(words, values, params_file)


@dataclass(frozen=True, slots=True)
class Given:
    """Parameters with the texts that the user wrote.

    Attributes:
        values: by name; True for one without a value, though it needs one.
        errors: by name, a line for each that cannot be what the user asked for.
        notes: a line for each of which something is left out.
    """

    values: Mapping[str, Any]
    errors: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read_texts(path: Path) -> dict[str, str]:
    """The values of a file of parameters as they are written there, without lists and maps.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError, yaml.YAMLError, json.JSONDecodeError: it is not what its name says.
    """
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        content = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    else:
        content = yaml.load(text, Loader=yaml.BaseLoader)
    if not isinstance(content, dict):
        return {}
    written = {name: _shown(value) for name, value in content.items() if isinstance(value, bool)}
    return written | {name: value for name, value in content.items() if isinstance(value, str)}


def names_in_configuration(project: Path) -> frozenset[str]:
    """The parameters that the pipeline's own configuration makes settings of.

    Nextflow does so before it reads the configuration files of the user.
    """
    files = [project / "nextflow.config", *sorted((project / "conf").glob("*.config"))]
    found = (re.findall(r"\bparams\.(\w+)", path.read_text(encoding="utf-8")) for path in files)
    return frozenset(name for names in found for name in names)


def as_written(
    schema: ParameterSchema,
    given: Mapping[str, Any],
    command_line: CommandLine,
    texts: Mapping[str, str],
    configured: frozenset[str] = frozenset(),
) -> Given:
    """Put what the user wrote in the place of what Nextflow made of it.

    Args:
        schema: the parameters.
        given: parameters as Nextflow has them.
        command_line: on which they were given.
        texts: the values in the file of parameters, as `read_texts` has them.
        configured: names that `names_in_configuration` found; for these it is too late.
    """
    values, errors, notes = dict(given), {}, []
    for name, parameter in schema.parameters().items():
        if name not in given:
            continue
        value = given[name]
        told = command_line.values.get(name)
        repeated = _repeated(name, told)
        if repeated and name != "input":
            # Whoever adds to a command line means what is added.
            notes.append(f"{repeated}; the last is taken")
        if repeated and name == "input":
            errors[name] = f"{repeated}; {_SHEET}"
        elif isinstance(value, list | dict):
            hint = f"; {_SHEET}" if name == "input" else ""
            errors[name] = f"--{name} is several values, it must be one{hint}"
        elif value in (None, "") and parameter.default is not None:
            errors[name] = f"--{name} has no value; give one, or leave it out"
        elif told:
            values[name] = _of_command_line(parameter, value, told[-1])
        elif name in texts:
            values[name] = _of_file(parameter, value, texts[name])
        elif _is_changed(parameter, value) and "string" in parameter.types:
            errors[name] = (
                f"--{name} is set to {_shown(value)} in a file, where that is no text; "
                "write it in quotes there"
            )
        is_given = bool(told) or name in texts
        line = None
        if is_given and _is_changed(parameter, value) and isinstance(values[name], str):
            line = _differently_read(parameter, value, values[name], is_set=name in configured)
        elif not is_given and name in configured:
            line = _too_late(parameter, value, given)
        if line and name not in errors:
            errors[name] = line
    return Given(values, errors, tuple(notes))


def _repeated(name: str, told: tuple[str | None, ...] | None) -> str | None:
    """What is said of a parameter that has several values on the command line."""
    if told is None or len(set(told)) == 1:
        return None
    words = " and ".join(str(word or "without a value") for word in told)
    return f"--{name} is given more than once, as {words}"


def _is_value(word: str) -> bool:
    """Whether Nextflow takes this for the value of the parameter before it."""
    is_option = word.startswith("-") and len(word) > 1 and " " not in word
    return not is_option or bool(_NEGATIVE.fullmatch(word))


def _is_changed(parameter: Parameter, value: Any) -> bool:
    """Whether Nextflow may have made something else of a text."""
    return isinstance(value, bool | int | float) and "boolean" not in parameter.types


def _of_command_line(parameter: Parameter, value: Any, word: str | None) -> Any:
    # Nextflow's newer versions make a text of the value that an option without one gets.
    if word is None:
        return True
    if not _is_changed(parameter, value):
        return value
    if isinstance(value, bool):
        return word if word.lower() == str(value).lower() else value
    return word if _NUMBER.fullmatch(word) and float(word) == float(value) else value


def _of_file(parameter: Parameter, value: Any, text: str) -> Any:
    return text if _is_changed(parameter, value) else value


def _differently_read(
    parameter: Parameter, value: Any, written: str, *, is_set: bool
) -> str | None:
    """What is wrong with a parameter that Nextflow reads differently from what is written, and
    uses so itself: of numbers (``0100`` of a file is 64), and of texts where it has made a setting
    of it."""
    name = parameter.name
    if "string" not in parameter.types:
        if _number(written) == float(value):
            return None
        return f"--{name} {written} is {_shown(value)} to Nextflow; write it as a decimal number"
    if not is_set or written == _shown(value):
        return None
    return (
        f"--{name} {written} is {_shown(value)} to Nextflow; write it in quotes in a file for "
        f"-params-file:  {name}: '{written}'"
    )


def _too_late(parameter: Parameter, value: Any, given: Mapping[str, Any]) -> str | None:
    """What is wrong with a parameter that has changed after settings were made of it."""
    name = parameter.name
    usual = {_shown(parameter.default)}
    if name == "checkpoint_dir":  # conf/awsbatch.config
        usual.add(f"{given.get('aws_workdir')}/checkpoints")
    if _shown(value) in usual:
        return None
    return (
        f"params.{name} stands in a configuration file of yours, which Nextflow reads after the "
        f"pipeline's; give --{name} on the command line, or in a file for -params-file"
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _shown(value: Any) -> str:
    """A value as Nextflow writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
