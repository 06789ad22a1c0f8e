"""Nextflow's trace file: which tasks of a run gave a result, and how long they took."""

from __future__ import annotations

import csv
import re
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

__all__ = ["Task", "read_trace", "wait_for_tasks"]

_DONE = ("COMPLETED", "CACHED")
_POLL_SECONDS = 0.1
_NAME = re.compile(r"(?P<process>[^ (]+)(?: \((?P<tag>.*)\))?$")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\b")


@dataclass(frozen=True, slots=True)
class Task:
    """A task that gave a result.

    Attributes:
        process: name of its process, without those of the workflows around it.
        tag: its tag, ``""`` without one.
        is_cached: whether the result came from an earlier run.
        seconds: how long it computed; None where the trace does not say.
        submitted: when it was submitted, seconds since 1970; None where the trace does not say.
        completed: when it was complete, likewise.
    """

    process: str
    tag: str
    is_cached: bool
    seconds: float | None
    submitted: float | None
    completed: float | None


def read_trace(path: Path) -> list[Task]:
    """The tasks of a trace that gave a result, in its order.

    A trace has the columns status and either process or name, in any order, raw or for people, of
    this pipeline or another.

    Raises:
        ValueError: the file is no such trace; the message names the file.
        OSError: it cannot be read.
    """
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        columns = set(reader.fieldnames or ())
        if "status" not in columns or not columns & {"process", "name"}:
            raise ValueError(
                f"{path}: is not a trace of Nextflow: it needs the columns status and process "
                f"(or name), it has {', '.join(sorted(columns)) or 'none'}"
            )
        try:
            # The last line may still be being written: its status is then None.
            return [_task(row) for row in reader if row["status"] in _DONE]
        except ValueError as error:
            raise ValueError(f"{path}:{reader.line_num}: {error}") from None


def wait_for_tasks(path: Path, tasks: int, timeout: float = 10.0) -> list[Task]:
    """Read a trace once it has ``tasks`` finished ones: Nextflow writes it from a queue.

    Raises:
        ValueError: it still has fewer after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        finished = read_trace(path) if tasks == 0 or path.exists() else []
        if len(finished) >= tasks:
            return finished
        if time.monotonic() > deadline:
            raise ValueError(f"{path}: {len(finished)} of {tasks} tasks after {timeout:g} s")
        time.sleep(_POLL_SECONDS)


def _task(row: dict[str, str | None]) -> Task:
    process, tag = row.get("process"), row.get("tag")
    name = _NAME.match(row.get("name") or "")
    if not process:
        if name is None:
            raise ValueError("a task without a name")
        process = name["process"]
    if tag is None:
        tag = (name["tag"] if name else "") or ""
    return Task(
        process=process.rpartition(":")[2],
        tag="" if tag == "-" else tag,
        is_cached=row["status"] == "CACHED",
        seconds=_duration(row.get("realtime") or row.get("duration")),
        submitted=_moment(row.get("submit") or row.get("start")),
        completed=_moment(row.get("complete")),
    )


def _duration(text: str | None) -> float | None:
    """Seconds of ``"1h 2m 3.5s"``, or of milliseconds as a raw trace has them."""
    if not text or text == "-":
        return None
    if text.isdigit():
        return int(text) / 1000
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise ValueError(f"'{text}' is no duration")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _moment(text: str | None) -> float | None:
    """Seconds since 1970 of ``"2025-01-31 12:00:00.123"``, or of raw milliseconds."""
    if not text or text == "-":
        return None
    if text.isdigit():
        return int(text) / 1000
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise ValueError(f"'{text}' is no time") from None
