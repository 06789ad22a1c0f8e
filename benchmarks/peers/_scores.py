"""What a tool says of a set of windows, and the file that keeps it.

Shape letters: ``W`` windows.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers._windows import WindowSet
from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import StoreError

__all__ = ["Scores", "Tool", "digest_of", "from_rows", "scores_of"]

_COLUMNS = ("id", "score", "probability", "is_virus", "tier")


@dataclass(frozen=True, slots=True)
class Scores:
    """A tool's answers to W windows.

    Attributes:
        score: float64 [W], the higher, the more like a virus; NaN without an answer.
        probability: float64 [W], of being a virus where both classes weigh a half; NaN throughout
            for a tool that gives none.
        is_virus: bool [W], the call by the tool's own default; False without an answer.
        tier: W tiers; empty words for a tool that has none.
        seconds: that answering took, without loading.
    """

    score: NDArray[np.float64]
    probability: NDArray[np.float64]
    is_virus: NDArray[np.bool_]
    tier: list[str]
    seconds: float


class Tool(Protocol):
    """A tool that answers windows.

    Attributes:
        name: in the tables.
        identity: digest of all that its answers depend on beside the windows.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    def score(self, windows: WindowSet) -> Scores:
        """Answer all windows."""


def digest_of(parts: Iterable[str | bytes]) -> str:
    """SHA-256 (hex) of words, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()


def scores_of(tool: Tool, windows: WindowSet, folder: Path) -> tuple[Scores, bool]:
    """A tool's answers, from ``<folder>/<tool>/<length>.tsv`` where they are there already.

    Returns:
        The answers, and whether they were there: of the same windows, by the same tool.

    Raises:
        StoreError: the file is damaged, or cannot be written.
        VirnucproError: as `Tool.score` does.
    """
    name = re.sub(r"[^\w.-]+", "-", tool.name)
    path = folder / name / f"{windows.length}.tsv"
    key = {"windows": windows.sha256, "tool": tool.identity}
    if path.exists() and (known := _read(path, key, windows)) is not None:
        return known, True
    scores = tool.score(windows)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = zip(windows.ids, scores.score.tolist(), scores.probability.tolist(),
                  scores.is_virus.tolist(), scores.tier, strict=True)  # fmt: skip
    with AtomicFile(path) as file:
        file.write(f"# {json.dumps({**key, 'seconds': scores.seconds})}\n".encode())
        file.write(("\t".join(_COLUMNS) + "\n").encode())
        for row in columns:
            words = ["NA" if isinstance(v, float) and math.isnan(v) else str(v) for v in row]
            file.write(("\t".join(words) + "\n").encode())
    return scores, False


def from_rows(windows: WindowSet, rows: Mapping[str, Mapping[str, str]], seconds: float) -> Scores:
    """Answers by the names of windows, as texts; ``NA`` or no row is no answer.

    Raises:
        ValueError: a row is of no window, or holds no number where one must be.
    """
    strange = rows.keys() - set(windows.ids)
    if strange:
        raise ValueError(f"{min(strange)} is none of the windows")
    nothing: Mapping[str, str] = {}
    of_window = [rows.get(name, nothing) for name in windows.ids]
    score = _numbers(of_window, "score")
    is_virus = np.array([row.get("is_virus") in ("1", "True") for row in of_window], dtype=bool)
    return Scores(
        score=score,
        probability=_numbers(of_window, "probability"),
        is_virus=is_virus & ~np.isnan(score),
        tier=[row.get("tier", "") for row in of_window],
        seconds=seconds,
    )


def _numbers(rows: Sequence[Mapping[str, str]], column: str) -> NDArray[np.float64]:
    words = (row.get(column, "NA") for row in rows)
    return np.array([math.nan if word == "NA" else float(word) for word in words])


def _read(path: Path, key: Mapping[str, str], windows: WindowSet) -> Scores | None:
    """The answers in the file; None if they are of other windows or of another tool."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head = json.loads(file.readline().removeprefix("# "))
            if any(head[name] != value for name, value in key.items()):
                return None
            rows = {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}
            return from_rows(windows, rows, float(head["seconds"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"cannot be read as scores ({error})", where=str(path), remedy="remove it"
        ) from error
