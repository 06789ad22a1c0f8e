"""Reading a sample's ``summary.json``, as far as a report tells of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from virnucpro_core.errors import StoreError
from virnucpro_core.reporting._json_files import read_json_object

__all__ = ["read_summary"]

_SHAPE = Draft202012Validator(
    {
        "properties": {
            "bundle_sha256": {"type": ["string", "null"]},
            "decision": {
                "type": "object",
                "properties": {
                    "rule": {"type": "string"},
                    "cutoff": {"type": "number"},
                    "preset": {"type": ["string", "null"]},
                },
            },
            "prevalence": {
                "type": ["object", "null"],
                "properties": {"value": {"type": "number"}, "source": {"type": "string"}},
            },
            "input_warnings": {"type": "array", "items": {"type": "string"}},
            "warnings": {"type": "array", "items": {"type": "string"}},
        }
    }
)


def read_summary(path: Path) -> dict[str, Any]:
    """A ``summary.json``; what it lacks is told of as not recorded.

    Raises:
        StoreError: it cannot be read, or something in it is of another type.
    """
    summary = read_json_object(path)
    for error in _SHAPE.iter_errors(summary):
        raise StoreError(
            f"is not a summary.json ({error.json_path[2:]}: {error.message})",
            where=str(path),
            remedy="call the sample again",
        )
    return summary
