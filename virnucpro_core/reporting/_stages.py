"""The nine classic stages, and the table in which a task says what it did of them.

Every task writes a ``stages.tsv``, one row for each stage that it did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from virnucpro_core._files import AtomicFile

__all__ = ["STAGES", "Stage", "read_stages", "write_stages"]

STAGES: tuple[str, ...] = (
    "Sequence Chunking",
    "Six-Frame Translation",
    "Nucleotide File Splitting",
    "Protein File Splitting",
    "DNABERT-S Feature Extraction",
    "ESM-2 Feature Extraction",
    "Feature Merging",
    "Model Prediction",
    "Consensus Scoring",
)
"""The stages in the order in which VirNucPro runs them."""

_COLUMNS = ("stage", "seconds", "sequences", "tokens")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage as one task did it.

    Attributes:
        name: one of :data:`STAGES`.
        seconds: wall-clock time, >= 0.
        sequences: records, chunks, frames or rows that went through.
        tokens: tokens embedded; 0 for stages that have none.
    """

    name: str
    seconds: float
    sequences: int
    tokens: int = 0

    def __post_init__(self) -> None:
        if self.name not in STAGES:
            raise ValueError(f"{self.name!r} is not a stage; one of {', '.join(STAGES)}")
        if not self.seconds >= 0 or self.sequences < 0 or self.tokens < 0:
            raise ValueError(f"{self.name}: a negative or missing time or count")


def write_stages(path: Path, stages: Iterable[Stage]) -> None:
    """Write a task's table: header ``stage, seconds, sequences, tokens``, tab-separated.

    The folder of ``path`` is made.

    Raises:
        StoreError: it cannot be written.
    """
    rows = ["\t".join(_COLUMNS)]
    rows += [f"{s.name}\t{s.seconds:.6f}\t{s.sequences}\t{s.tokens}" for s in stages]
    with AtomicFile(path) as file:
        file.write(("\n".join(rows) + "\n").encode())


def read_stages(path: Path) -> list[Stage]:
    """Read a task's table.

    Raises:
        ValueError: the file is not such a table; the message names the file and the line.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or tuple(lines[0].split("\t")) != _COLUMNS:
        raise ValueError(f"{path}:1: not a table of stages; its header is not {list(_COLUMNS)}")
    stages = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            name, seconds, sequences, tokens = line.split("\t")
            stages.append(Stage(name, float(seconds), int(sequences), int(tokens)))
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
    return stages
