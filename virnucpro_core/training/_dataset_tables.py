"""The tables of a dataset directory, as tab-separated files with a header."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import StoreError

__all__ = [
    "LABELS",
    "PARTS",
    "GenomeRow",
    "OverlapRow",
    "WindowTable",
    "read_rows",
    "read_windows",
    "write_rows",
    "write_windows",
]

LABELS = ("others", "virus")
"""The classes; a label's number is its place here, as in the classifier's two scores."""

PARTS = ("train", "validation", "test")
"""The parts of a split; a part's number is its place here."""

_REMEDY = "make the dataset again with 'virnucpro train data'"
_WINDOW_COLUMNS = (
    "id", "genome", "label", "group", "cluster", "split", "start", "length", "n_frames"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WindowTable:
    """``W`` windows, in the order of the shards' record numbers.

    Attributes:
        id: W names, those of the records in the shards.
        genome: W names of genomes.
        label: int64 [W], 0 others, 1 virus: places in `LABELS`.
        group: W names of the genomes' groups.
        cluster: W names of the groups' clusters; no cluster is in two parts.
        split: int64 [W], 0 train, 1 validation, 2 test: places in `PARTS`.
        start: int64 [W], first base in the genome, from 0 (its records with an N between them).
        length: int64 [W], in bases.
        n_frames: int64 [W], frames in the shards; 0 where the window cannot be scored.
    """

    id: list[str]
    genome: list[str]
    label: NDArray[np.int64]
    group: list[str]
    cluster: list[str]
    split: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    n_frames: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.id)

    def part(self, name: str) -> NDArray[np.int64]:
        """Rows of the windows in part ``name`` (see `PARTS`), int64, ascending."""
        return np.flatnonzero(self.split == PARTS.index(name))


@dataclass(frozen=True, slots=True)
class GenomeRow:
    """A genome of the dataset.

    Attributes:
        genome: its name.
        label: a class, one of `LABELS`.
        group: what the user says belongs together; the genome's name where nothing is said.
        cluster: groups that are alike; named for the first of them.
        split: a part, one of `PARTS`.
        records: sequences of the file.
        bases: of all its records.
        sha256: digest (hex) of its letters.
        file: as the sheet names it.
    """

    genome: str
    label: str
    group: str
    cluster: str
    split: str
    records: int
    bases: int
    sha256: str
    file: str


@dataclass(frozen=True, slots=True)
class OverlapRow:
    """A stretch of a genome of the class others that is alike with a genome of a virus.

    Attributes:
        virus: name of the genome of the virus.
        genome: name of the other genome.
        shared_hashes: k-mers of the two sketches that are the same.
        containment: share of the virus's sketch that is in the other genome's, 0 to 1.
        start, end: the stretch in the other genome, from 0, the end not included.
    """

    virus: str
    genome: str
    shared_hashes: int
    containment: float
    start: int
    end: int


_Row = TypeVar("_Row", GenomeRow, OverlapRow)
_CONVERSIONS = {"int": int, "float": float, "str": str}


def write_windows(path: Path, windows: WindowTable) -> None:
    """Write ``windows.tsv``.

    Raises:
        StoreError: the file cannot be written.
    """
    rows = zip(
        windows.id,
        windows.genome,
        (LABELS[label] for label in windows.label.tolist()),
        windows.group,
        windows.cluster,
        (PARTS[part] for part in windows.split.tolist()),
        windows.start.tolist(),
        windows.length.tolist(),
        windows.n_frames.tolist(),
        strict=True,
    )
    _write(path, _WINDOW_COLUMNS, rows)


def read_windows(path: Path) -> WindowTable:
    """Read ``windows.tsv``.

    Raises:
        StoreError: the file cannot be read or is not such a table.
    """
    columns = list(zip(*_read(path, _WINDOW_COLUMNS), strict=True)) or [()] * len(_WINDOW_COLUMNS)
    ids, genome, label, group, cluster, part, *numbers = columns
    try:
        start, length, n_frames = (np.array(column, dtype=np.int64) for column in numbers)
        return WindowTable(
            id=list(ids),
            genome=list(genome),
            label=np.array([LABELS.index(name) for name in label], dtype=np.int64),
            group=list(group),
            cluster=list(cluster),
            split=np.array([PARTS.index(name) for name in part], dtype=np.int64),
            start=start,
            length=length,
            n_frames=n_frames,
        )
    except ValueError as error:
        raise StoreError(f"is damaged ({error})", where=str(path), remedy=_REMEDY) from error


def write_rows(path: Path, rows: list[_Row], kind: type[_Row]) -> None:
    """Write a table whose columns are the fields of ``kind``.

    Raises:
        StoreError: the file cannot be written.
    """
    names = [field.name for field in fields(kind)]
    _write(path, names, ([getattr(row, name) for name in names] for row in rows))


def read_rows(path: Path, kind: type[_Row]) -> list[_Row]:
    """Read what `write_rows` wrote.

    Raises:
        StoreError: the file cannot be read or is not such a table.
    """
    # Field types are texts here, because annotations are not evaluated.
    convert = [_CONVERSIONS[str(field.type)] for field in fields(kind)]
    try:
        return [
            kind(*(to(value) for to, value in zip(convert, row, strict=True)))
            for row in _read(path, [field.name for field in fields(kind)])
        ]
    except ValueError as error:
        raise StoreError(f"is damaged ({error})", where=str(path), remedy=_REMEDY) from error


def _write(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with AtomicFile(path) as file:
        for row in (columns, *rows):
            file.write(("\t".join(map(str, row)) + "\n").encode())


def _read(path: Path, columns: Iterable[str]) -> Iterator[list[str]]:
    expected = list(columns)
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            rows = (line.rstrip("\n").split("\t") for line in file)
            if next(rows, None) != expected:
                raise StoreError("has other columns", where=str(path), remedy=_REMEDY)
            for number, row in enumerate(rows, start=2):
                if len(row) != len(expected):
                    where = f"{path}, line {number}"
                    raise StoreError("has another number of fields", where=where, remedy=_REMEDY)
                yield row
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from error
