"""Stretches of other genomes that are also in a virus of the set: prophages, captured genes.

A window of such a stretch would be taught, and judged, as no virus although the same letters are
those of a virus elsewhere in the set. Pairs of genomes are found by their DNA sketches; the stretch
then by all k-mers that the two share, so its ends are right to a k-mer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.training._collection import CollectedGenome
from virnucpro_core.training._dataset_tables import LABELS, OverlapRow
from virnucpro_core.training._sketch import DNA_K, dna_hashes, is_among, thin

__all__ = ["describe_overlaps", "find_overlaps", "touched"]

FARTHEST = 1_000
"""Shared k-mers with no more bases than this between them are one stretch. At 90 % identity one in
nine 21-mers is shared, at 80 % one in a hundred."""

FEWEST_KMERS = 50
"""Different shared k-mers that make a stretch: what is shared by chance, a few k-mers of 21 bases
in a pair of a large genome and a virus, and repeats of one k-mer are none."""


def find_overlaps(genomes: list[CollectedGenome]) -> list[OverlapRow]:
    """Stretches of genomes of the class others that are alike with viruses of the set.

    Ordered by the genome, the virus and the start; there is a row for each virus that a stretch is
    alike with.
    """
    viruses = [g for g in genomes if g.row.label == LABELS.index("virus")]
    others = [g for g in genomes if g.row.label != LABELS.index("virus")]
    # Of two sketches of different scale the coarser one decides.
    thinned = {scaled: _thinned(viruses, scaled) for scaled in {g.sketch.scaled for g in others}}
    pairs: list[tuple[CollectedGenome, list[tuple[CollectedGenome, int, int]]]] = []
    for genome in others:
        of_viruses, owner, sizes = thinned[genome.sketch.scaled]
        known = owner[np.isin(of_viruses, genome.sketch.dna)]
        shared = np.bincount(known, minlength=len(viruses))
        alike = [(viruses[i], int(sizes[i]), int(shared[i])) for i in np.flatnonzero(shared)]
        if alike:
            pairs.append((genome, alike))
    full = _VirusHashes.of([virus for _, alike in pairs for virus, _, _ in alike])
    return [row for genome, alike in pairs for row in _stretches(genome, alike, full)]


def _thinned(
    viruses: list[CollectedGenome], scaled: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """DNA hashes that sketches of ``scaled`` keep, whose each is, and how many each virus has."""
    thinned = [thin(virus.sketch.dna, scaled) for virus in viruses]
    sizes = np.array([len(hashes) for hashes in thinned])
    return np.concatenate(thinned), np.repeat(np.arange(len(viruses)), sizes), sizes


@dataclass(frozen=True, slots=True)
class _VirusHashes:
    """Hashes of all DNA k-mers of some viruses, made once for all genomes.

    Attributes:
        of_virus: uint64, ascending and without repeats, by the virus's name.
        union: those of all of them, uint64, ascending.
    """

    of_virus: dict[str, NDArray[np.uint64]]
    union: NDArray[np.uint64]

    @classmethod
    def of(cls, viruses: list[CollectedGenome]) -> _VirusHashes:
        of_virus = {
            name: np.unique(np.concatenate([hashes for _, hashes in dna_hashes(letters)]))
            for name, letters in {virus.row.name: virus.letters for virus in viruses}.items()
        }
        every = list(of_virus.values()) or [np.zeros(0, dtype=np.uint64)]
        return cls(of_virus, np.unique(np.concatenate(every)))


def describe_overlaps(overlaps: list[OverlapRow]) -> list[str]:
    """A line for each stretch of a genome, whatever the number of viruses that it is alike with."""
    stretches: list[list[OverlapRow]] = []
    for row in sorted(overlaps, key=lambda row: (row.genome, row.start)):
        last = stretches[-1] if stretches else []
        if last and last[0].genome == row.genome and row.start <= max(o.end for o in last):
            last.append(row)
        else:
            stretches.append([row])
    return [_describe(rows) for rows in stretches]


def _describe(rows: list[OverlapRow]) -> str:
    viruses = sorted({row.virus for row in rows})
    rest = f" and {len(viruses) - 3} more" if len(viruses) > 3 else ""
    end = max(row.end for row in rows)
    return f"{rows[0].genome} {rows[0].start + 1}-{end} is also in {', '.join(viruses[:3])}{rest}"


def touched(
    overlaps: list[OverlapRow], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which windows ``start`` to ``end`` of a genome have a base in one of its ``overlaps``."""
    hit = np.zeros(len(start), dtype=np.bool_)
    for row in overlaps:
        hit |= (start < row.end) & (end > row.start)
    return hit


def _stretches(
    genome: CollectedGenome,
    candidates: list[tuple[CollectedGenome, int, int]],
    full: _VirusHashes,
) -> list[OverlapRow]:
    """Rows of one genome and the viruses that share hashes with it.

    Args:
        candidates: virus, hashes of its sketch, and how many of them the genome has.
    """
    places, hashes = [], []
    for position, found in dna_hashes(genome.letters):
        shared = np.flatnonzero(is_among(found, full.union))
        places.append(position[shared])
        hashes.append(found[shared])
    place, hash_ = np.concatenate(places), np.concatenate(hashes)
    rows = []
    for virus, n_hashes, n_shared in candidates:
        mine = is_among(hash_, full.of_virus[virus.row.name])
        for start, end in _merge(place[mine], hash_[mine]):
            rows.append(
                OverlapRow(
                    virus=virus.row.name,
                    genome=genome.row.name,
                    shared_hashes=n_shared,
                    containment=round(n_shared / n_hashes, 4),
                    start=start,
                    end=end,
                )
            )
    return rows


def _merge(place: NDArray[np.int64], hashes: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Stretches of k-mers that begin at ``place`` (ascending), as start and end."""
    if not len(place):
        return []
    breaks = np.flatnonzero(np.diff(place) > FARTHEST + DNA_K) + 1
    return [
        (int(mine[0]), int(mine[-1]) + DNA_K)
        for mine, kmers in zip(np.split(place, breaks), np.split(hashes, breaks), strict=True)
        if len(np.unique(kmers)) >= FEWEST_KMERS
    ]
