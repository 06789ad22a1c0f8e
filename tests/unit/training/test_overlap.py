from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.genomes import bases, complement, mutated, write_fasta
from virnucpro_core.training import OverlapRow, _collection, _sketch
from virnucpro_core.training._collection import collect_genomes
from virnucpro_core.training._overlap import describe_overlaps, find_overlaps, touched
from virnucpro_core.training._sheet import read_sheet

pytest.importorskip("sourmash", reason="sourmash needs Python 3.11 or later")

PHAGE = bases(9_000, 1)
BACTERIUM = bases(60_000, 2)
SITE = 31_000


def overlaps(folder: Path) -> list[OverlapRow]:
    with collect_genomes(read_sheet(folder), folder, lambda _: None) as genomes:
        return find_overlaps(genomes)


@pytest.mark.parametrize("insert", [PHAGE, complement(PHAGE), mutated(PHAGE, 0.05, 3)])
def test_a_prophage_is_found_where_it_was_put(
    tmp_path: Path, insert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Hashed in pieces, of which two meet within the prophage.
    monkeypatch.setattr(_sketch, "_PIECE", 1 << 15)
    lysogen = BACTERIUM[:SITE] + insert + BACTERIUM[SITE:]
    write_fasta(tmp_path / "cellular" / "lysogen.fa", bases(700, 9), lysogen)
    write_fasta(tmp_path / "cellular" / "clean.fa", BACTERIUM[:SITE])
    write_fasta(tmp_path / "viral" / "phage.fa", PHAGE)
    write_fasta(tmp_path / "viral" / "other.fa", bases(9_000, 4))
    (row,) = overlaps(tmp_path)
    assert (row.virus, row.genome) == ("phage", "lysogen")
    start = 701 + SITE  # the record before it and the N between them
    assert row.start == pytest.approx(start, abs=150)
    assert row.end == pytest.approx(start + 9_000, abs=150)
    assert row.shared_hashes > 5
    assert row.containment > 0.2


def test_a_short_piece_of_a_virus_is_found_in_the_other_class(tmp_path: Path) -> None:
    write_fasta(tmp_path / "cellular" / "large.fa", bases(120_000, 2))
    write_fasta(tmp_path / "cellular" / "piece.fa", PHAGE[3_000:3_200])
    write_fasta(tmp_path / "viral" / "phage.fa", PHAGE)
    (row,) = overlaps(tmp_path)
    assert (row.genome, row.start, row.end) == ("piece", 0, 200)


def test_a_repeat_that_is_in_both_is_no_overlap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All hashes are kept, so that the pair is looked at, whatever the hashes of the repeat.
    monkeypatch.setitem(_collection.SCALED, "others", (1,))
    monkeypatch.setitem(_collection.SCALED, "virus", (1,))
    write_fasta(tmp_path / "cellular" / "c.fa", bases(5_000, 1) + "A" * 3_000 + bases(5_000, 2))
    write_fasta(tmp_path / "viral" / "v.fa", bases(5_000, 3) + "A" * 3_000 + "AC" * 500)
    assert overlaps(tmp_path) == []


def test_windows_that_touch_a_stretch_are_told_apart() -> None:
    rows = [OverlapRow("v", "c", 9, 0.5, 100, 200), OverlapRow("w", "c", 9, 0.5, 300, 400)]
    start = np.array([0, 0, 199, 200, 250, 399, 50])
    end = np.array([100, 101, 210, 300, 301, 500, 450])
    assert touched(rows, start, end).tolist() == [False, True, True, False, True, True, True]


def test_a_stretch_of_many_viruses_is_one_line() -> None:
    rows = [OverlapRow(f"v{i}", "c", 9, 0.5, 100 + i, 200 + i) for i in range(5)]
    rows.append(OverlapRow("v0", "c", 9, 0.5, 500, 600))
    assert describe_overlaps(rows) == [
        "c 101-204 is also in v0, v1, v2 and 2 more",
        "c 501-600 is also in v0",
    ]
