"""The windows that every tool is given: drawn from labelled genomes, by family.

Shape letters: ``W`` windows.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._files import AtomicFile
from virnucpro_core.sequences import Stretch, window_information
from virnucpro_core.store import Information
from virnucpro_core.training import LABELS, GenomeFile, SheetRow, read_genome

__all__ = ["SHEET_COLUMNS", "Drawing", "WindowSet", "draw_windows", "kind_of", "organism_of"]

SHEET_COLUMNS = ("organism", "kind")
"""What a sheet may have beside the columns of a training sheet."""

_TRIES = 4
"""Places drawn for each window that is wanted: some hold no information."""

_COMPLEMENT = bytes.maketrans(b"ACGTRYKMBVDH", b"TGCAYRMKVBHD")


@dataclass(frozen=True, slots=True)
class Drawing:
    """How windows are drawn.

    Attributes:
        lengths: in bases; each has windows of its own.
        per_genome: most windows of a genome at each length.
        per_group: most windows of a family at each length, over its genomes alike; so that a
            family of many genomes weighs no more than another.
        seed: draws the same windows of a genome, whatever other families the sheet has.
    """

    lengths: tuple[int, ...]
    per_genome: int
    per_group: int
    seed: int


@dataclass(frozen=True, slots=True)
class WindowSet:
    """``W`` windows of one length.

    Attributes:
        length: in bases.
        fasta: the file, two lines for each window.
        sha256: digest (hex) of the file.
        ids: W names.
        genome: W genomes.
        label: int64 [W], 0 others, 1 virus.
    """

    length: int
    fasta: Path
    sha256: str
    ids: list[str]
    genome: list[SheetRow]
    label: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Window:
    genome: SheetRow
    start: int
    strand: str
    letters: bytes


def kind_of(genome: SheetRow) -> str:
    """What the sheet says it is (human, plant, phage, …), else its class."""
    return genome.also.get("kind") or LABELS[genome.label]


def organism_of(genome: SheetRow) -> str:
    """What the sheet says, else its name."""
    return genome.also.get("organism") or genome.name


def draw_windows(
    genomes: Sequence[SheetRow], folder: Path, drawing: Drawing, log: Callable[[str], None]
) -> tuple[list[WindowSet], dict[str, str]]:
    """Draw windows, half of them of the other strand, and write them with what they are.

    Writes ``<folder>/<length>.fasta`` and ``<folder>/windows.tsv``, whose ``start`` counts bases
    from 0 in the genome's records with an N between them. Windows without information
    (`window_information`) are left out. Memory holds one genome and all windows.

    Returns:
        A set for each length of which there are windows of both classes, and the digest (hex) of
        the letters of each genome by its name.

    Raises:
        InputError: a genome cannot be read.
        StoreError: a file cannot be written.
    """
    in_group = Counter((genome.label, genome.group) for genome in genomes)
    rank: Counter[tuple[int, str]] = Counter()
    drawn: dict[int, list[_Window]] = {length: [] for length in drawing.lengths}
    digests = {}
    for genome in genomes:
        group = (genome.label, genome.group)
        share, left = divmod(drawing.per_group, in_group[group])
        wanted = min(drawing.per_genome, share + (rank[group] < left))
        rank[group] += 1
        file = read_genome(genome.path)
        digests[genome.name] = file.sha256
        for length, windows in drawn.items():
            number = zlib.crc32(genome.name.encode())
            random = np.random.default_rng([drawing.seed, length, number])
            windows += _of_genome(genome, file, length, wanted, random)
    sets = []
    folder.mkdir(parents=True, exist_ok=True)
    with AtomicFile(folder / "windows.tsv") as table:
        table.write(b"id\tlength\tlabel\tkind\tgroup\tgenome\torganism\tstart\tstrand\n")
        for length, windows in drawn.items():
            counts = Counter(LABELS[window.genome.label] for window in windows)
            n_genomes = len({window.genome.name for window in windows})
            log(
                f"{length} nt: {counts['virus']} windows of viruses and {counts['others']} others "
                f"of {n_genomes} of the {len(genomes)} genomes"
            )
            if len(counts) < len(LABELS):
                log(f"warning: {length} nt: left out, for want of a class")
                continue
            made = _write(windows, length, folder / f"{length}.fasta")
            for id_, window in zip(made.ids, windows, strict=True):
                table.write(_line(id_, length, window).encode())
            sets.append(made)
    return sets, digests


def _of_genome(
    genome: SheetRow, file: GenomeFile, length: int, wanted: int, random: np.random.Generator
) -> Iterator[_Window]:
    """Up to ``wanted`` windows at different places, each as likely; those with information."""
    n_places = np.maximum(file.length - length + 1, 0)
    ends = np.cumsum(n_places)
    total = int(ends[-1])
    place = random.choice(total, min(total, _TRIES * wanted), replace=False) if total else ends[:0]
    record = np.searchsorted(ends, place, side="right")
    starts = file.start[record] + place - (ends - n_places)[record]
    is_reverse = random.integers(0, 2, len(starts), dtype=bool)
    letters = b"".join(file.letters[s : s + length].tobytes() for s in starts.tolist())
    at = np.arange(len(starts)) * length
    information = window_information(Stretch.of(letters), at, np.full(len(starts), length))
    for row in np.flatnonzero(information == Information.ENOUGH)[:wanted].tolist():
        piece = letters[row * length : (row + 1) * length]
        if is_reverse[row]:
            piece = piece[::-1].translate(_COMPLEMENT)
        yield _Window(genome, int(starts[row]), "-" if is_reverse[row] else "+", piece)


def _write(windows: list[_Window], length: int, path: Path) -> WindowSet:
    # No end that could be taken for that of a mate.
    ids = [f"w{length}n{number:06d}w" for number in range(len(windows))]
    content = b"".join(
        b">%s\n%s\n" % (name.encode(), window.letters)
        for name, window in zip(ids, windows, strict=True)
    )
    with AtomicFile(path) as file:
        file.write(content)
    return WindowSet(
        length=length,
        fasta=path,
        sha256=hashlib.sha256(content).hexdigest(),
        ids=ids,
        genome=[window.genome for window in windows],
        label=np.array([window.genome.label for window in windows], dtype=np.int64),
    )


def _line(id_: str, length: int, window: _Window) -> str:
    genome = window.genome
    columns = (
        id_, length, LABELS[genome.label], kind_of(genome), genome.group, genome.name,
        organism_of(genome), window.start, window.strand,
    )  # fmt: skip
    return "\t".join(map(str, columns)) + "\n"
