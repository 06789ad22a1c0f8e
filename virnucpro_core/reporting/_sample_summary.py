"""Reading a sample's ``summary.json``, as far as a report tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from virnucpro_core._frame_rule import FRAME_RULES, FrameRule
from virnucpro_core.errors import StoreError
from virnucpro_core.reporting._json_files import read_json_object

__all__ = ["decision_of", "frame_rule_of", "part_of", "prevalence_of", "read_summary"]

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
            "frames": {"type": "object", "properties": {"rule": {"enum": list(FRAME_RULES)}}},
            "windows": {
                "type": "object",
                "properties": {"coverage": {"type": ["number", "null"]}},
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


def decision_of(
    summary: Mapping[str, Any], run: Mapping[str, Any]
) -> tuple[str | None, float | None]:
    """Which rule called the records, and its cut-off."""
    decision = part_of(summary, "decision")
    if decision:
        return decision.get("rule"), decision.get("cutoff")
    threshold = part_of(run, "parameters").get("threshold")
    return (None, None) if threshold is None else ("threshold", float(threshold))


def frame_rule_of(summary: Mapping[str, Any]) -> FrameRule | None:
    """By which frames were found; None where it is not recorded."""
    rule: FrameRule | None = part_of(summary, "frames").get("rule")
    return rule


def prevalence_of(summary: Mapping[str, Any]) -> float | None:
    """The share of viruses that probabilities assume; None where it is not recorded."""
    value = part_of(summary, "prevalence").get("value")
    return None if value is None else float(value)


def part_of(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object that ``of`` has under ``key``; an empty one where there is none."""
    value = of.get(key)
    return value if isinstance(value, Mapping) else {}
