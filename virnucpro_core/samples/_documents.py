"""YAML and JSON as samplesheets need them: scalars are text, and no key is lost."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["Mapping", "parse_json", "parse_yaml"]

_YAML_NULLS = ("null", "Null", "NULL", "~", "")


class Mapping(list[tuple[Any, Any]]):
    """The pairs of a mapping as they stand in the document, those with one key among them."""


def parse_json(text: str) -> Any:
    """The content of a JSON document: numbers are text, objects a `Mapping`.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(
            text, object_pairs_hook=Mapping, parse_int=str, parse_float=str, parse_constant=str
        )
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error


def parse_yaml(text: str) -> Any:
    """The content of a YAML document: every scalar but null is text, mappings are a `Mapping`.

    Raises:
        ValueError: it is no YAML.
    """
    # Only who has such a sheet needs the package.
    import yaml

    # The base loader leaves every value the text that it is: 007 is a name, not a number.
    class Loader(yaml.BaseLoader):  # type: ignore[misc]  # it has no stubs
        def construct_scalar(self, node: yaml.ScalarNode) -> Any:
            is_null = node.style is None and node.value in _YAML_NULLS
            return None if is_null else super().construct_scalar(node)

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
            return Mapping(
                (self.construct_object(key, deep=deep), self.construct_object(value, deep=deep))
                for key, value in node.value
            )

    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error
