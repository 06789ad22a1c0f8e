from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.unit.training.genomes import bases, gene, mutated, write_fasta
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.training import SplitShares
from virnucpro_core.training._clusters import DEFAULT_SIMILARITY, cluster_groups, find_likenesses
from virnucpro_core.training._collection import CollectedGenome, collect_genomes
from virnucpro_core.training._sheet import read_sheet
from virnucpro_core.training._split import check_split, split_clusters

pytest.importorskip("sourmash", reason="sourmash needs Python 3.11 or later")


def collect(folder: Path, text: str = "") -> list[CollectedGenome]:
    sheet = folder
    if text:
        sheet = folder / "sheet.csv"
        sheet.write_text(text)
    with collect_genomes(read_sheet(sheet), folder, lambda _: None) as genomes:
        return genomes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve viruses, of which three are kin in a row, and four other genomes."""
    folder = tmp_path_factory.mktemp("genomes")
    for i in range(12):
        write_fasta(folder / "viral" / f"v{i:02}.fa", gene(1_500, i))
    first = gene(1_500, 1)
    second = mutated(first, 0.12, 90)
    write_fasta(folder / "viral" / "v05.fa", second)
    write_fasta(folder / "viral" / "v09.fa", mutated(second, 0.12, 91))
    for i in range(4):
        write_fasta(folder / "cellular" / f"c{i}.fa", bases(20_000, 50 + i))
    return folder


@pytest.fixture(scope="module")
def genomes(folder: Path) -> list[CollectedGenome]:
    return collect(folder)


def test_kin_of_kin_are_one_cluster_and_strangers_are_not(
    genomes: list[CollectedGenome],
) -> None:
    pairs = find_likenesses(genomes, 0.02)
    names = [(genomes[p.first].row.name, genomes[p.second].row.name) for p in pairs]
    # the first and the last share too little: it is the second that joins them
    assert names == [("v01", "v05"), ("v05", "v09")]
    clusters = cluster_groups(genomes, pairs)
    assert [c for g, c in zip(genomes, clusters, strict=True) if g.row.name in ("v05", "v09")] == [
        "v01", "v01",
    ]  # fmt: skip
    assert len(set(clusters)) == 14


def test_containment_is_of_the_smaller_genome(tmp_path: Path) -> None:
    long = gene(3_000, 7)
    write_fasta(tmp_path / "viral" / "long.fa", long)
    write_fasta(tmp_path / "viral" / "piece.fa", long[3_000:5_400])
    write_fasta(tmp_path / "cellular" / "c.fa", bases(500, 1))
    (pair,) = find_likenesses(collect(tmp_path), 0.005)
    assert pair.containment == 1.0


@pytest.mark.parametrize("label", ["cellular", "viral"])
@pytest.mark.parametrize("n_bases", [25, 180, 600, 3_000, 30_000])
def test_genomes_of_the_same_letters_are_alike_however_short(
    tmp_path: Path, n_bases: int, label: str
) -> None:
    for name in "abc":
        write_fasta(tmp_path / label / f"{name}.fa", bases(n_bases, 1))
    write_fasta(tmp_path / label / "d.fa", bases(n_bases, 2))
    write_fasta(tmp_path / ("viral" if label == "cellular" else "cellular") / "x.fa", bases(500, 3))
    pairs = find_likenesses(collect(tmp_path), DEFAULT_SIMILARITY)
    clusters = cluster_groups(collect(tmp_path), pairs)
    assert sorted(clusters) == ["a", "a", "a", "d", "x"]
    assert all(pair.containment == 1.0 for pair in pairs)


@pytest.mark.parametrize("n_bases", [400, 2_000, 8_000, 30_000, 120_000])
def test_short_genomes_are_looked_at_closely_enough_to_see_kin(
    tmp_path: Path, n_bases: int
) -> None:
    """One in fifty of their bases is another: half of the protein k-mers are lost."""
    one = bases(n_bases, 1)
    write_fasta(tmp_path / "cellular" / "one.fa", one)
    write_fasta(tmp_path / "cellular" / "kin.fa", mutated(one, 0.027, 2))
    write_fasta(tmp_path / "cellular" / "other.fa", bases(n_bases, 3))
    write_fasta(tmp_path / "viral" / "v.fa", bases(500, 4))
    genomes = collect(tmp_path)
    (pair,) = find_likenesses(genomes, DEFAULT_SIMILARITY)
    assert pair.containment == pytest.approx(0.54, abs=0.15)
    assert min(len(genome.sketch.protein) for genome in genomes) > 700
    assert max(len(genome.sketch.protein) for genome in genomes) < 6_500


def test_sketches_of_different_scale_are_compared_at_the_coarser_one(tmp_path: Path) -> None:
    large = bases(150_000, 1)
    write_fasta(tmp_path / "cellular" / "large.fa", large)
    write_fasta(tmp_path / "cellular" / "piece.fa", large[70_000:78_000])
    write_fasta(tmp_path / "viral" / "v.fa", bases(500, 4))
    genomes = collect(tmp_path)
    assert [genome.sketch.scaled for genome in genomes] == [200, 5, 1]
    (pair,) = find_likenesses(genomes, DEFAULT_SIMILARITY)
    assert pair.containment == 1.0


@pytest.mark.parametrize("seed", range(8))
def test_no_cluster_straddles_a_split_and_each_part_has_each_class(
    genomes: list[CollectedGenome], seed: int
) -> None:
    clusters = cluster_groups(genomes, find_likenesses(genomes, 0.02))
    shares = SplitShares(validation=0.2, test=0.25)
    parts = split_clusters(genomes, clusters, shares, seed)
    of_cluster: dict[str, set[int]] = {}
    for cluster, part in zip(clusters, parts, strict=True):
        of_cluster.setdefault(cluster, set()).add(part)
    assert all(len(found) == 1 for found in of_cluster.values())
    viral = Counter(p for g, p in zip(genomes, parts, strict=True) if g.row.label == 1)
    others = Counter(p for g, p in zip(genomes, parts, strict=True) if g.row.label == 0)
    assert set(viral) == set(others) == {0, 1, 2}
    assert 2 <= viral[1] <= 4
    assert 3 <= viral[2] <= 4
    # the order of the genomes does not matter
    assert split_clusters(genomes[::-1], clusters[::-1], shares, seed) == parts[::-1]


def test_another_seed_is_another_split(genomes: list[CollectedGenome]) -> None:
    names = [genome.row.name for genome in genomes]
    found = {tuple(split_clusters(genomes, names, SplitShares(), seed)) for seed in range(5)}
    assert len(found) > 1


@pytest.mark.parametrize("shares", [SplitShares(0.01, 0.01), SplitShares(0.45, 0.5)])
def test_three_clusters_fill_three_parts_whatever_the_shares(
    genomes: list[CollectedGenome], shares: SplitShares
) -> None:
    few = [
        genome for genome in genomes if genome.row.name in ("v01", "v02", "v03", "c0", "c1", "c2")
    ]
    parts = split_clusters(few, [genome.row.name for genome in few], shares, 1)
    assert sorted(parts[:3]) == sorted(parts[3:]) == [0, 1, 2]


def test_fewer_than_three_clusters_are_refused(genomes: list[CollectedGenome]) -> None:
    clusters = ["one" if genome.row.label == 0 else genome.row.name for genome in genomes]
    with pytest.raises(InputError, match=r"4 genomes of the class others are 1 clusters.*\(one\)"):
        split_clusters(genomes, clusters, SplitShares(), 1)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.0, 0.1), (0.1, 1.0)])
def test_shares_that_leave_a_part_empty_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(UsageError):
        SplitShares(*shares)


SHEET = "file,label,split,group\n" + "".join(
    f"cellular/c{i}.fa,others,{part},\n" for i, part in enumerate(["train", "validation", "test"])
)


def sheet(*viruses: tuple[str, str, str]) -> str:
    return SHEET + "".join(f"viral/{n}.fa,virus,{part},{group}\n" for n, part, group in viruses)


def test_a_split_by_hand_is_taken_as_it_is(folder: Path) -> None:
    text = sheet(("v01", "test", ""), ("v02", "train", ""), ("v03", "validation", ""))
    genomes = collect(folder, text)
    assert check_split(genomes, []) == [0, 1, 2, 2, 0, 1]


def test_a_split_by_hand_that_parts_kin_names_both_and_their_likeness(folder: Path) -> None:
    text = sheet(("v01", "test", ""), ("v02", "train", ""), ("v03", "validation", ""),
                 ("v05", "train", ""))  # fmt: skip
    genomes = collect(folder, text)
    message = r"line 8: v01 \(test\) and v05 \(train\) are alike: they share \d+\.\d% of"
    with pytest.raises(InputError, match=message):
        check_split(genomes, find_likenesses(genomes, 0.02))


def test_a_split_by_hand_that_parts_a_group_is_refused(folder: Path) -> None:
    text = sheet(("v01", "test", "g"), ("v02", "train", "g"), ("v03", "validation", ""))
    with pytest.raises(InputError, match=r"group g is in two parts: v01 in test, v02 in train"):
        check_split(collect(folder, text), [])


def test_a_split_by_hand_without_a_class_in_a_part_is_refused(folder: Path) -> None:
    text = sheet(("v01", "test", ""), ("v02", "train", ""))
    with pytest.raises(InputError, match="no genome of the class virus has the split validation"):
        check_split(collect(folder, text), [])


def test_a_genome_in_both_classes_is_refused(tmp_path: Path) -> None:
    write_fasta(tmp_path / "viral" / "a.fa", bases(300, 1))
    write_fasta(tmp_path / "cellular" / "b.fa", bases(300, 1).lower())
    message = r"viral/a\.fa has the same letters as cellular/b\.fa of the other class \(others\)|" \
        r"cellular/b\.fa has the same letters as viral/a\.fa"  # fmt: skip
    with pytest.raises(InputError, match=message):
        collect(tmp_path)
