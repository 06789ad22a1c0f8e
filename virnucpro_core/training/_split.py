"""Which part a genome is in: training, validation or test, whole clusters at a time."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.training._clusters import Likeness
from virnucpro_core.training._collection import CollectedGenome
from virnucpro_core.training._dataset_tables import LABELS, PARTS

__all__ = ["SplitShares", "check_split", "split_clusters"]

_TRAIN = PARTS.index("train")


@dataclass(frozen=True, slots=True)
class SplitShares:
    """Shares of the genomes of each class that are kept from training.

    Attributes:
        validation: for choosing when to stop.
        test: for the figures that are published.
    """

    validation: float = 0.1
    test: float = 0.15

    def __post_init__(self) -> None:
        for name, share in (("validation", self.validation), ("test", self.test)):
            if not 0 < share < 1:
                raise UsageError(f"the share {share} of the {name} part is not between 0 and 1")
        if self.validation + self.test >= 1:
            raise UsageError(
                f"validation ({self.validation}) and test ({self.test}) leave nothing to train on",
                remedy="make them smaller",
            )


def split_clusters(
    genomes: list[CollectedGenome], clusters: list[str], shares: SplitShares, seed: int
) -> list[int]:
    """The part of each genome, a place in `PARTS`.

    Clusters are taken in the order of digests of the seed and their names, which is the same on
    every machine and whatever the order of the files. A cluster goes to the test part while that
    has less than its share of the class's genomes and would not get more than half as much again,
    else to the validation part by the same rule, else to the training part. A part without a
    cluster then gets the smallest one of those in training.

    Raises:
        InputError: a class has fewer than three clusters.
    """
    part_of: dict[tuple[int, str], int] = {}
    for label, kind in enumerate(LABELS):
        sizes = Counter(
            cluster
            for genome, cluster in zip(genomes, clusters, strict=True)
            if genome.row.label == label
        )
        if len(sizes) < len(PARTS):
            raise InputError(
                f"{sizes.total()} genomes of the class {kind} are {len(sizes)} clusters of kin "
                f"({', '.join(sorted(sizes))}), too few for training, validation and test",
                remedy="add genomes that are not alike, or raise --similarity and say so",
            )
        chosen = _split_class(sizes, shares, seed)
        part_of |= {(label, cluster): part for cluster, part in chosen.items()}
    return [
        part_of[genome.row.label, cluster]
        for genome, cluster in zip(genomes, clusters, strict=True)
    ]


def _split_class(sizes: Counter[str], shares: SplitShares, seed: int) -> dict[str, int]:
    wanted = {
        PARTS.index("test"): shares.test * sizes.total(),
        PARTS.index("validation"): shares.validation * sizes.total(),
    }
    ordered = sorted(sizes, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    got = dict.fromkeys(wanted, 0)
    chosen = dict.fromkeys(ordered, _TRAIN)
    for cluster in ordered:
        for part, share in wanted.items():
            # What training and the parts that have none yet will need.
            kept_back = 1 + sum(not n for other, n in got.items() if other != part)
            left = sum(taken == _TRAIN for taken in chosen.values()) - 1
            fits = got[part] < share and got[part] + sizes[cluster] <= 1.5 * share
            if fits and left >= kept_back:
                chosen[cluster] = part
                got[part] += sizes[cluster]
                break
    for part in wanted:
        if not got[part]:
            in_training = [name for name in ordered if chosen[name] == _TRAIN]
            chosen[min(in_training, key=lambda name: sizes[name])] = part
    return chosen


def check_split(genomes: list[CollectedGenome], pairs: list[Likeness]) -> list[int]:
    """The parts that the sheet itself says, once they are seen to leak nothing.

    Raises:
        InputError: a group, or two genomes that are alike, are in two parts, or a part lacks a
            class.
    """
    parts = [_TRAIN if genome.row.split is None else genome.row.split for genome in genomes]
    first_of_group: dict[tuple[int, str], int] = {}
    for row, genome in enumerate(genomes):
        first = first_of_group.setdefault((genome.row.label, genome.row.group), row)
        if parts[first] != parts[row]:
            raise InputError(
                f"the group {genome.row.group} is in two parts: {genomes[first].row.name} in "
                f"{PARTS[parts[first]]}, {genome.row.name} in {PARTS[parts[row]]}",
                where=genome.row.where,
                remedy="give both the same split",
            )
    for pair in sorted(pairs, key=lambda pair: -pair.containment):
        if parts[pair.first] != parts[pair.second]:
            one, other = genomes[pair.first].row, genomes[pair.second].row
            raise InputError(
                f"{one.name} ({PARTS[parts[pair.first]]}) and {other.name} "
                f"({PARTS[parts[pair.second]]}) are alike: they share {pair.containment:.1%} of "
                "their protein k-mers",
                where=other.where,
                remedy="give both the same split, or raise --similarity and say so",
            )
    for part, name in enumerate(PARTS):
        for label, kind in enumerate(LABELS):
            if not any(
                parts[row] == part and genome.row.label == label
                for row, genome in enumerate(genomes)
            ):
                raise InputError(
                    f"no genome of the class {kind} has the split {name}",
                    remedy="put one of each class into each part",
                )
    return parts
