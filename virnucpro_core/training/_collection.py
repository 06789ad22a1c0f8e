"""All genomes of a sheet, with their letters on disk, so that memory holds one at a time."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._files import write_failure
from virnucpro_core.errors import InputError
from virnucpro_core.training._coding import CodingSegments
from virnucpro_core.training._dataset_tables import LABELS
from virnucpro_core.training._genome_files import read_genome
from virnucpro_core.training._sheet import SheetRow
from virnucpro_core.training._sketch import Sketch, make_sketch

__all__ = ["CollectedGenome", "collect_genomes"]

SCALED = {"others": (200, 20, 5, 1), "virus": (20, 5, 1)}
"""One in so many hashes is kept: the first of these that keeps enough of a genome."""

_ENOUGH_HASHES = 1_000
"""Of the protein: at the default similarity, three of so many are shared, the fewest that count."""


@dataclass(frozen=True, slots=True)
class CollectedGenome:
    """A genome of the sheet with its letters, which are read from disk where they are touched.

    Attributes:
        row: what the sheet says.
        letters: uint8, upper case, its R records with an N between them.
        start, length: int64 [R], where the records lie.
        sha256: digest (hex) of the letters.
        coding: annotated coding sequences, or None.
        translation_tables: genetic codes that the annotation names.
        sketch: its k-mers.
    """

    row: SheetRow
    letters: NDArray[np.uint8]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    sha256: str
    coding: CodingSegments | None
    translation_tables: tuple[int, ...]
    sketch: Sketch

    @property
    def n_bases(self) -> int:
        """Bases of all records."""
        return int(self.length.sum())


@contextmanager
def collect_genomes(
    rows: list[SheetRow], scratch: Path, log: Callable[[str], None]
) -> Iterator[list[CollectedGenome]]:
    """Read and sketch all genomes; their letters are in a file that is gone when the block ends.

    Args:
        scratch: directory for that file, which is as large as all genomes, a byte for a base.
        log: called with a line now and then.

    Raises:
        InputError: a file cannot be used, or is in both classes.
        StoreError: the disk is full.
    """
    with _scratch_file(scratch) as file:
        genomes: list[CollectedGenome] = []
        for number, row in enumerate(rows, start=1):
            genome = read_genome(row.path)
            genomes.append(
                CollectedGenome(
                    row=row,
                    letters=_on_disk(file, genome.letters, scratch),
                    start=genome.start,
                    length=genome.length,
                    sha256=genome.sha256,
                    coding=genome.coding,
                    translation_tables=genome.translation_tables,
                    sketch=make_sketch(genome.letters, _scale(row.label, len(genome.letters))),
                )
            )
            if number % 50 == 0 or number == len(rows):
                log(f"{number} of {len(rows)} genomes read")
        _refuse_genomes_of_both_classes(genomes)
        yield genomes


def _scale(label: int, n_bases: int) -> int:
    """How finely a genome is sketched; six frames have two protein k-mers for each base."""
    scales = SCALED[LABELS[label]]
    return next((s for s in scales if 2 * n_bases >= _ENOUGH_HASHES * s), scales[-1])


def _scratch_file(folder: Path) -> IO[bytes]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(prefix=".letters.", dir=folder)
    except OSError as error:
        raise write_failure(folder, error) from error


def _on_disk(file: IO[bytes], letters: NDArray[np.uint8], folder: Path) -> NDArray[np.uint8]:
    """The same letters, read from the end of ``file`` where they are touched."""
    try:
        offset = file.seek(0, io.SEEK_END)
        file.write(letters.tobytes())
        file.flush()
        return np.memmap(file, np.uint8, "r", offset=offset, shape=letters.shape)
    except OSError as error:
        raise write_failure(folder, error) from error


def _refuse_genomes_of_both_classes(genomes: list[CollectedGenome]) -> None:
    seen: dict[str, SheetRow] = {}
    for genome in genomes:
        other = seen.setdefault(genome.sha256, genome.row)
        if other.label != genome.row.label:
            raise InputError(
                f"{genome.row.file} has the same letters as {other.file} of the other class "
                f"({LABELS[other.label]})",
                where=genome.row.where,
                remedy="leave one of them out",
            )
