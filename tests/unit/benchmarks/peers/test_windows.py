from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers._windows import SHEET_COLUMNS, Drawing, draw_windows
from virnucpro_core.training import read_sheet

COMPLEMENT = str.maketrans("ACGT", "TGCA")
DRAWING = Drawing(lengths=(150, 500), per_genome=10, per_group=12, seed=3)


def random_bases(n: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), n))


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """Three genomes of a family, one of another, and two cells, of which one is mostly N."""
    genomes = {
        "a": ("virus", "Aviridae", [random_bases(3000, 1)]),
        "b": ("virus", "Aviridae", [random_bases(700, 2), random_bases(600, 3)]),
        "c": ("virus", "Aviridae", [random_bases(300, 4)]),
        "d": ("virus", "Dviridae", [random_bases(2000, 5)]),
        "e": ("others", "Cells", [random_bases(2000, 6)]),
        "f": ("others", "Gaps", ["N" * 4000 + random_bases(700, 7)]),
    }
    lines = ["file\tlabel\tgroup\tkind"]
    for name, (label, group, records) in genomes.items():
        text = "".join(f">{name}{i}\n{record}\n" for i, record in enumerate(records))
        (tmp_path / f"{name}.fa").write_text(text)
        lines.append(f"{name}.fa\t{label}\t{group}\t{'phage' if name == 'd' else ''}")
    path = tmp_path / "sheet.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def draw(sheet: Path, folder: Path, drawing: Drawing = DRAWING) -> dict[str, dict[str, str]]:
    genomes = read_sheet(sheet, also=SHEET_COLUMNS)
    sets, _ = draw_windows(genomes, folder, drawing, lambda line: None)
    with (folder / "windows.tsv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert [name for each in sets for name in each.ids] == list(rows)
    for each in sets:
        lines = each.fasta.read_text().splitlines()
        for name, letters in zip(lines[::2], lines[1::2], strict=True):
            rows[name[1:]]["letters"] = letters
    return rows


def test_windows_lie_where_the_table_says_on_both_strands(sheet: Path, tmp_path: Path) -> None:
    rows = draw(sheet, tmp_path / "windows")
    for row in rows.values():
        text = (sheet.parent / f"{row['genome']}.fa").read_text()
        records = [line for line in text.splitlines() if line[0] != ">"]
        start, length = int(row["start"]), int(row["length"])
        there = "N".join(records)[start : start + length]
        expected = there if row["strand"] == "+" else there[::-1].translate(COMPLEMENT)
        assert row["letters"] == expected
        assert len(row["letters"]) == length
    assert Counter(row["strand"] for row in rows.values()).keys() == {"+", "-"}
    assert {row["kind"] for row in rows.values()} == {"virus", "phage", "others"}


def test_no_family_weighs_more_than_it_may(sheet: Path, tmp_path: Path) -> None:
    rows = draw(sheet, tmp_path / "windows").values()
    counts = Counter((row["genome"], row["length"]) for row in rows)
    assert [counts[name, "150"] for name in "abcde"] == [4, 4, 4, 10, 10]
    assert counts["c", "500"] == 0  # it is shorter
    assert counts["a", "500"] == 4


def test_windows_without_information_are_left_out(sheet: Path, tmp_path: Path) -> None:
    rows = draw(sheet, tmp_path / "windows").values()
    of_gaps = [row for row in rows if row["genome"] == "f"]
    assert of_gaps
    assert all(row["letters"].count("N") <= 0.05 * len(row["letters"]) for row in of_gaps)


def test_a_family_more_does_not_change_the_others_windows(sheet: Path, tmp_path: Path) -> None:
    before = draw(sheet, tmp_path / "before")
    sheet.write_text(
        "".join(line for line in sheet.read_text().splitlines(True) if "Dviridae" not in line)
    )
    after = draw(sheet, tmp_path / "after")
    places = [
        sorted((row["genome"], row["length"], row["start"]) for row in rows.values())
        for rows in (before, after)
    ]
    assert places[1] == [place for place in places[0] if place[0] != "d"]


def test_a_length_with_one_class_is_left_out(sheet: Path, tmp_path: Path) -> None:
    drawing = Drawing(lengths=(150, 2500), per_genome=2, per_group=2, seed=1)
    sheet.write_text(
        "".join(line for line in sheet.read_text().splitlines(True) if "Gaps" not in line)
    )
    assert {row["length"] for row in draw(sheet, tmp_path / "w", drawing).values()} == {"150"}
