"""Joining groups of genomes that are alike, so that kin never is on both sides of a split.

Two genomes are alike when they have the same letters, or when enough of the protein k-mers of the
smaller sketch are in the other (`PROTEIN_K` amino acids, all six translations). Proteins change
more slowly than DNA, so this finds kin whose DNA shares no k-mer any more, and DNA that is alike
shares its translations too. One pair is enough to join two groups (single linkage). Only genomes of
one class are joined: what a prophage shares with a bacterium is the matter of `_overlap`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.training._collection import CollectedGenome
from virnucpro_core.training._sketch import Sketch, thin

__all__ = ["DEFAULT_SIMILARITY", "Likeness", "cluster_groups", "find_likenesses"]

DEFAULT_SIMILARITY = 0.003
"""Containment from which two genomes are kin, read from 114 genomes (docs/models.md). Viruses of a
genus share 0.55 (T2 and T4) down to 0.0037 (Zika and West Nile virus), Escherichia and Klebsiella
0.065, other bacteria at most 0.002. At 0.002 phages of many families become one cluster."""

_FEWEST_SHARED = 3
# A hash or two can be shared by chance, or by a poly(A) tail that reads as poly-lysine.


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two genomes of a class that are alike.

    Attributes:
        first, second: their rows.
        containment: share of the smaller sketch's protein hashes that the other has, 0 to 1.
    """

    first: int
    second: int
    containment: float


def find_likenesses(genomes: list[CollectedGenome], similarity: float) -> list[Likeness]:
    """All pairs of a class with a containment of ``similarity`` or more, and all identical ones.

    Of two sketches of different scale the finer one is thinned to the coarser.
    """
    pairs: list[Likeness] = []
    for label in sorted({genome.row.label for genome in genomes}):
        rows = [i for i, genome in enumerate(genomes) if genome.row.label == label]
        sketches = [genomes[i].sketch for i in rows]
        sizes = _thinned_sizes(sketches)
        pairs += _identical(genomes, rows)
        # What two sketches share is in both of them, and so in the thinned one too.
        for second, shared in _shared_counts([sketch.protein for sketch in sketches]):
            for first in np.flatnonzero(shared >= _FEWEST_SHARED).tolist():
                if genomes[rows[first]].sha256 == genomes[rows[second]].sha256:
                    continue
                coarser = max(sketches[first].scaled, sketches[second].scaled)
                smaller = min(sizes[coarser][first], sizes[coarser][second])
                containment = float(shared[first]) / smaller
                if containment >= similarity:
                    pairs.append(Likeness(rows[first], rows[second], containment))
    return pairs


def cluster_groups(genomes: list[CollectedGenome], pairs: list[Likeness]) -> list[str]:
    """The cluster of each genome, named for the first group in it.

    Groups are clusters of a class each: a group name in both classes stands for two groups.
    """
    parent: dict[tuple[int, str], tuple[int, str]] = {}

    def root(group: tuple[int, str]) -> tuple[int, str]:
        while parent.setdefault(group, group) != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    groups = [(genome.row.label, genome.row.group) for genome in genomes]
    for pair in pairs:
        one, other = root(groups[pair.first]), root(groups[pair.second])
        # The smaller name becomes the root, so names do not depend on the order of the pairs.
        parent[max(one, other)] = min(one, other)
    return [root(group)[1] for group in groups]


def _identical(genomes: list[CollectedGenome], rows: list[int]) -> list[Likeness]:
    """Each of ``rows`` whose letters are those of an earlier one, with the first such."""
    first_of: dict[str, int] = {}
    firsts = [(first_of.setdefault(genomes[row].sha256, row), row) for row in rows]
    return [Likeness(first, row, 1.0) for first, row in firsts if first != row]


def _thinned_sizes(sketches: list[Sketch]) -> dict[int, list[int]]:
    """By scale, how many protein hashes of each sketch one of that scale keeps."""
    return {
        scaled: [len(thin(sketch.protein, scaled)) for sketch in sketches]
        for scaled in {sketch.scaled for sketch in sketches}
    }


def _shared_counts(
    sketches: list[NDArray[np.uint64]],
) -> list[tuple[int, NDArray[np.int64]]]:
    """For each sketch, how many hashes it shares with each one before it."""
    sizes = np.array([len(sketch) for sketch in sketches])
    hashes = np.concatenate(sketches)
    owner = np.repeat(np.arange(len(sketches)), sizes)
    order = np.argsort(hashes, kind="stable")
    hashes, owner = hashes[order], owner[order]
    found = []
    for row, sketch in enumerate(sketches):
        low = np.searchsorted(hashes, sketch, side="left")
        count = np.searchsorted(hashes, sketch, side="right") - low
        # Places of all owners of all hashes of this sketch, range after range.
        places = np.repeat(low - (np.cumsum(count) - count), count) + np.arange(count.sum())
        found.append((row, np.bincount(owner[places], minlength=len(sketches))[:row]))
    return found
