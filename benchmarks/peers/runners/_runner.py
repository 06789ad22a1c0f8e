"""What the programs that run peers share: their command line and their two files.

::

    python -m benchmarks.peers.runners.<peer> WINDOWS.fasta ANSWERS.tsv [--weights FOLDER]

Exit code 3 says that the peer, or its weights, are not there.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Answer", "Scorer", "Window", "run", "write_fasta"]

EXIT_MISSING = 3


@dataclass(frozen=True)
class Window:
    """A window: its name, and its letters in upper case."""

    id: str
    letters: str


@dataclass(frozen=True)
class Answer:
    """What a peer says of a window.

    Attributes:
        id: of the window.
        score: the higher, the more like a virus.
        probability: of being a virus, from 0 to 1; None where the peer gives none.
        is_virus: the call by the peer's own default.
    """

    id: str
    score: float
    probability: float | None
    is_virus: bool


Scorer = Callable[[Sequence[Window]], Iterable[Answer]]
"""Answers windows; leaves out those that the peer has no answer for."""


def run(load: Callable[[Path | None], Scorer]) -> None:
    """Load a peer, let it answer all windows, and write its answers with the seconds it took.

    Args:
        load: imports the peer and reads its weights, which is not part of the seconds. Takes the
            folder of the weights, None for those of the peer's package.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("windows", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--weights", type=Path)
    given = parser.parse_args()
    try:
        score = load(given.weights)
    except (ImportError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_MISSING)
    windows = _read_fasta(given.windows)
    started = time.perf_counter()
    answers = list(score(windows))
    seconds = time.perf_counter() - started
    with given.answers.open("w", encoding="utf-8") as file:
        print(f"# seconds={seconds:.3f}", "id\tscore\tprobability\tis_virus", sep="\n", file=file)
        for each in answers:
            probability = "NA" if each.probability is None else repr(float(each.probability))
            print(each.id, repr(float(each.score)), probability, int(each.is_virus),
                  sep="\t", file=file)  # fmt: skip


def write_fasta(windows: Iterable[Window], path: Path) -> None:
    """For a peer that reads a file: two lines for each window."""
    path.write_text("".join(f">{each.id}\n{each.letters}\n" for each in windows), encoding="ascii")


def _read_fasta(path: Path) -> list[Window]:
    lines = path.read_text(encoding="ascii").splitlines()
    return [
        Window(name[1:], letters) for name, letters in zip(lines[::2], lines[1::2], strict=True)
    ]
