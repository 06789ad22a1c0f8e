"""The tables as files: TSV for each, all of them as JSON, and a page of Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers._judging import PARTITIONS, Row, judge_parts, judge_tiers, judge_windows
from benchmarks.peers._scores import Scores
from benchmarks.peers._windows import WindowSet
from virnucpro_core._files import AtomicFile

__all__ = ["Tables"]

_SCHEMA_VERSION = 1
_MOST_GENOMES = 40
_MEASURES = {
    "auc": "Area under the ROC curve",
    "sensitivity": "Sensitivity at the tool's default",
    "specificity": "Specificity at the tool's default",
    "average_precision": "Average precision, both classes weighing a half",
    "calibration_error": "Calibration error of windows with a probability, both classes weighing "
    "a half",
    "no_answer": "Share without an answer",
    "windows_per_second": "Windows a second, without loading",
}


@dataclass(slots=True)
class Tables:
    """All tables.

    Attributes:
        about: what was drawn, and how.
        missing: what each tool that is not in the tables lacks.
        warnings: what makes figures doubtful.
        rows: of each table by its name.
    """

    about: dict[str, Any]
    missing: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, tool: str, windows: WindowSet, scores: Scores) -> None:
        """Judge a tool at one length."""
        self._table("by_length").append(judge_windows(tool, windows, scores))
        self._table("tiers").extend(judge_tiers(tool, windows, scores))
        for by in PARTITIONS:
            self._table(f"by_{by}").extend(judge_parts(tool, windows, scores, by))

    def write(self, folder: Path) -> None:
        """Write ``<table>.tsv``, ``peers.json`` and ``peers.md``.

        Raises:
            StoreError: a file cannot be written.
        """
        for name, rows in self.rows.items():
            with AtomicFile(folder / f"{name}.tsv") as file:
                for row in ([*rows[0]] if rows else [], *(row.values() for row in rows)):
                    line = "\t".join("NA" if value is None else str(value) for value in row)
                    file.write(f"{line}\n".encode())
        document = {
            "schema_version": _SCHEMA_VERSION,
            "about": self.about,
            "missing": self.missing,
            "warnings": self.warnings,
            **self.rows,
        }
        with AtomicFile(folder / "peers.json") as file:
            file.write((json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
        with AtomicFile(folder / "peers.md") as file:
            file.write(("\n".join([self.summary(), *self._lists()]) + "\n").encode())

    def summary(self) -> str:
        """The tables by length, and what is missing, as Markdown."""
        return "\n".join(self._summary())

    def _table(self, name: str) -> list[Row]:
        return self.rows.setdefault(name, [])

    def _summary(self) -> Iterator[str]:
        yield "# Peers\n"
        yield (
            f"{self.about['genomes']} genomes of {self.about['groups']} families. A window without "
            "an answer counts as the lowest score, and as no virus.\n"
        )
        for tool, why in self.missing.items():
            yield f"- **Missing**: {tool}: {why}"
        for warning in self.warnings:
            yield f"- **Warning**: {warning}"
        rows = self._table("by_length")
        for measure, title in _MEASURES.items():
            yield f"\n## {title}\n"
            cells = {(row["tool"], row["length"]): _cell(row[measure]) for row in rows}
            yield from _pivot(("tool",), [(row["tool"],) for row in rows], cells)
        tiers = self._table("tiers")
        if tiers:
            yield "\n## Share of each tier, and the share of its calls that are right\n"
            of_tier = {
                (row["tool"], row["tier"], row["length"]): f"{_cell(row['share'])} "
                f"({_cell(row['right'])})"
                for row in tiers
            }
            keys = [(row["tool"], row["tier"]) for row in tiers]
            yield from _pivot(("tool", "tier"), keys, of_tier)

    def _lists(self) -> Iterator[str]:
        """Of each kind, and for tools with tiers (ours) of each family and genome."""
        ours = dict.fromkeys(row["tool"] for row in self._table("tiers"))
        tools = dict.fromkeys(row["tool"] for row in self._table("by_length"))
        for by in PARTITIONS:
            for tool in tools if by == "kind" else ours:
                mine = [row for row in self._table(f"by_{by}") if row["tool"] == tool]
                labels = ("label", *(name for name in ("kind", "organism") if name in mine[0]))
                labels = (by, *(name for name in labels if name != by))
                keys = _worst_first(mine, labels)
                left_out = max(0, len(keys) - _MOST_GENOMES) if by == "genome" else 0
                shown = f" ({len(keys) - left_out} of {len(keys)})" if left_out else ""
                yield f"\n## {tool}: share called rightly by {by}, worst first{shown}\n"
                cells = {
                    (*(row[name] for name in labels), row["length"]): _cell(row["right"])
                    for row in mine
                }
                yield from _pivot(labels, keys[: len(keys) - left_out], cells)


def _worst_first(rows: Sequence[Row], labels: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The keys of rows, by the mean over the lengths of what is right."""
    of_key: dict[tuple[Any, ...], list[float]] = {}
    for row in rows:
        of_key.setdefault(tuple(row[name] for name in labels), []).append(row["right"])
    return sorted(of_key, key=lambda key: (sum(of_key[key]) / len(of_key[key]), key))


def _pivot(
    labels: Sequence[str], keys: Sequence[tuple[Any, ...]], cells: dict[tuple[Any, ...], str]
) -> Iterator[str]:
    """A table with a row for each key and a column for each length, the last part of a cell's."""
    lengths = sorted({key[-1] for key in cells})
    yield "| " + " | ".join([*labels, *(f"{length} nt" for length in lengths)]) + " |"
    yield "|---" * len(labels) + "|---:" * len(lengths) + "|"
    for key in dict.fromkeys(keys):
        values = [cells.get((*key, length), "–") for length in lengths]
        words = [str(part).replace("|", "\\|") for part in key]
        yield "| " + " | ".join([*words, *values]) + " |"


def _cell(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value <= 1 else f"{value:,.0f}"
