"""``nextflow_schema.json``: every parameter of the pipeline, in groups."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Parameter", "ParameterGroup", "ParameterSchema"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        name: without dashes.
        rules: its JSON Schema.
        required: whether every run needs it but one of a task that says what else it needs.
    """

    name: str
    rules: Mapping[str, Any]
    required: bool

    @property
    def types(self) -> tuple[str, ...]:
        """JSON types that it may have."""
        given = self.rules["type"]
        return (given,) if isinstance(given, str) else tuple(given)

    @property
    def default(self) -> Any:
        """Its default, None for none."""
        return self.rules.get("default")

    @property
    def hidden(self) -> bool:
        """Whether the help leaves it out unless asked."""
        return bool(self.rules.get("hidden", False))


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Parameters that belong together.

    Attributes:
        key: name in ``$defs``.
        title: heading.
        description: a sentence on the group, may be empty.
        parameters: in the schema's order.
    """

    key: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class ParameterSchema:
    """All parameters.

    Attributes:
        description: what the pipeline does.
        groups: in the order of ``allOf``.
        content: the JSON Schema itself.
    """

    description: str
    groups: tuple[ParameterGroup, ...]
    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> ParameterSchema:
        """Read the schema; it is a file of ours, so mistakes in it are not expected."""
        content = json.loads(path.read_text(encoding="utf-8"))
        keys = [part["$ref"].rpartition("/")[2] for part in content["allOf"]]
        required = content["else"]["required"]
        groups = []
        for key in keys:
            group = content["$defs"][key]
            parameters = tuple(
                Parameter(name, rules, name in required)
                for name, rules in group["properties"].items()
            )
            description = group.get("description", "")
            groups.append(ParameterGroup(key, group["title"], description, parameters))
        return cls(content["description"], tuple(groups), content)

    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name."""
        return {each.name: each for group in self.groups for each in group.parameters}

    def defaults(self) -> dict[str, Any]:
        """The default of every parameter, None for none."""
        return {name: each.default for name, each in self.parameters().items()}
