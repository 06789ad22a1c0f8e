"""Labelled genomes from a folder, and their split into training, validation and test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import read_batches

__all__ = ["CLASSES", "Genome", "GenomeSplit", "read_genomes", "split_genomes"]

CLASSES = ("cellular", "viral")
"""Sub-folders of a genome folder; a genome's label is the place of its folder in this tuple."""


@dataclass(frozen=True, slots=True)
class Genome:
    """One file of a genome folder.

    Attributes:
        name: file name up to the first ``.fa``, usually the accession.
        label: 0 cellular, 1 viral.
        letters: all its records, upper case, with N between them.
        sha256: digest of ``letters``.
    """

    name: str
    label: int
    letters: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class GenomeSplit:
    """Genomes for fitting, for choosing, and for the final test; no genome is in two of them."""

    train: list[Genome]
    validation: list[Genome]
    test: list[Genome]


def read_genomes(folder: Path) -> list[Genome]:
    """Read ``<folder>/viral/*.fa*`` and ``<folder>/cellular/*.fa*``, sorted by class and name.

    Raises:
        InputError: a class has no file, or a file cannot be read.
    """
    genomes = []
    for label, kind in enumerate(CLASSES):
        paths = sorted((folder / kind).glob("*.f*a*"))
        if not paths:
            raise InputError(
                "holds no FASTA file", where=str(folder / kind), remedy="put genomes there"
            )
        for path in paths:
            sequences = [s for batch in read_batches(path) for s in batch.sequences]
            letters = "N".join(sequences).upper().encode("ascii")
            digest = hashlib.sha256(letters).hexdigest()
            genomes.append(Genome(path.name.split(".fa")[0], label, letters, digest))
    return genomes


def split_genomes(
    genomes: list[Genome], *, validation_share: float, test_share: float, seed: int
) -> GenomeSplit:
    """Assign whole genomes, the same shares of each class, in the order of their names' digests.

    The digests, of the seed and the name, make the choice the same on every machine.

    Args:
        validation_share, test_share: of the genomes of a class; at least one genome each.

    Raises:
        InputError: a class has fewer than three genomes.
    """
    split = GenomeSplit([], [], [])
    for label, kind in enumerate(CLASSES):
        mine = [genome for genome in genomes if genome.label == label]
        if len(mine) < 3:
            raise InputError(
                f"{len(mine)} {kind} genomes cannot be split into training, validation and test",
                remedy="give at least three of each class",
            )
        mine.sort(key=lambda genome: hashlib.sha256(f"{seed} {genome.name}".encode()).digest())
        n_test = max(1, round(test_share * len(mine)))
        n_validation = max(1, round(validation_share * len(mine)))
        split.test.extend(mine[:n_test])
        split.validation.extend(mine[n_test : n_test + n_validation])
        split.train.extend(mine[n_test + n_validation :])
    return split
