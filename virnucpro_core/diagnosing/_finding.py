"""What was found out about one thing: whether it is in order, and if not, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from virnucpro_core import __version__
from virnucpro_core.errors import VirnucproError

__all__ = ["DIAGNOSIS_SCHEMA_VERSION", "Diagnosis", "Finding", "Level", "failed"]

DIAGNOSIS_SCHEMA_VERSION = 1
"""Of `Diagnosis.to_json`; grows when a field changes its meaning or goes."""


class Level(str, Enum):
    """How good or bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        section: heading that it belongs under.
        name: what was looked at.
        text: what was found, a clause for people.
        level: whether that is in order; a problem keeps the tool from working.
        remedy: what the user can do; empty where there is nothing to do.
        values: the same for machines; bytes, seconds, counts.
    """

    section: str
    name: str
    text: str
    level: Level = Level.OK
    remedy: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "section": self.section,
            "name": self.name,
            "level": self.level.value,
            "text": self.text,
            "remedy": self.remedy or None,
            "values": dict(self.values),
        }


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, in the order in which they are told."""

    findings: Sequence[Finding]

    @property
    def is_usable(self) -> bool:
        """Whether there is no problem."""
        return self.count(Level.PROBLEM) == 0

    def count(self, level: Level) -> int:
        """How many findings are of this level."""
        return sum(each.level is level for each in self.findings)

    def to_json(self) -> dict[str, Any]:
        """As JSON has it, with its schema version."""
        return {
            "schema_version": DIAGNOSIS_SCHEMA_VERSION,
            "virnucpro_version": __version__,
            "usable": self.is_usable,
            "findings": [each.to_json() for each in self.findings],
        }

    def __str__(self) -> str:
        width = max((len(each.name) for each in self.findings), default=0)
        lines: list[str] = []
        section = ""
        for each in self.findings:
            if each.section != section:
                section = each.section
                lines += ["", section] if lines else [section]
            mark = {Level.OK: "ok", Level.WARNING: "warning", Level.PROBLEM: "PROBLEM"}[each.level]
            lines.append(f"  {mark:<8} {each.name:<{width}}  {each.text}")
            if each.remedy:
                lines.append(f"  {'':<8} {'':<{width}}  -> {each.remedy}")
        counts = [
            f"{n} {level.value}{'s' if n > 1 else ''}"
            for level in (Level.PROBLEM, Level.WARNING)
            if (n := self.count(level))
        ]
        end = "Ready to run" if self.is_usable else "Not ready to run"
        return "\n".join([*lines, "", ": ".join([end, ", ".join(counts)]) if counts else end])


def failed(section: str, name: str, error: VirnucproError, level: Level = Level.PROBLEM) -> Finding:
    """An expected failure as a finding."""
    text = f"{error.where}: {error.what}" if error.where else error.what
    return Finding(section, name, " ".join(text.split()), level, error.remedy or "")
