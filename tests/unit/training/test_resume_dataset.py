from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.training.genomes import bases, gene, write_fasta
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.training import (
    PARTS,
    DatasetSettings,
    WindowSettings,
    open_or_make_dataset,
)

pytest.importorskip("sourmash", reason="sourmash needs Python 3.11 or later")

SETTINGS = DatasetSettings(windows=WindowSettings(windows=20, shortest=60, longest=90))
ROWS = [
    f"{kind}{i},{kind}{i}.fa,{kind},{kind}{i},{part}"
    for kind in ("others", "virus")
    for i, part in enumerate(PARTS)
]


def write_sheet(folder: Path, rows: list[str]) -> Path:
    sheet = folder / "sheet.csv"
    sheet.write_text("\n".join(["name,file,label,group,split", *rows]))
    return sheet


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sheet, its genomes, and the dataset of them in ``dataset``."""
    folder = tmp_path_factory.mktemp("made")
    for i in range(3):
        write_fasta(folder / f"others{i}.fa", bases(3_000, i))
        write_fasta(folder / f"virus{i}.fa", gene(1_000, 10 + i))
    write_fasta(folder / "more.fa", gene(1_000, 20))
    open_or_make_dataset(write_sheet(folder, ROWS), folder / "dataset", SETTINGS, lambda _: None)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy, to change."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def test_the_same_genomes_are_gone_on_with_whatever_their_order_and_files_names(
    folder: Path,
) -> None:
    (folder / "virus1.fa").rename(folder / "other.fa")
    rows = [row.replace("virus1.fa", "other.fa") for row in reversed(ROWS)]
    before = (folder / "dataset" / "dataset.json").stat().st_mtime_ns
    lines: list[str] = []
    open_or_make_dataset(write_sheet(folder, rows), folder / "dataset", SETTINGS, lines.append)
    assert lines == [f"{folder / 'dataset'}: there already"]
    assert (folder / "dataset" / "dataset.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("rows", "difference"),
    [
        ([*ROWS, "more,more.fa,virus,more,train"], r"it has no more, which .*line 8 names; give"),
        ([*ROWS[1:], "n,others0.fa,others,n,train"], r"it has no n, which"),
        (ROWS[:2] + ROWS[3:], r"it has others2, which .*sheet\.csv does not name; give"),
        (
            [row.replace("virus1,virus1.fa,virus", "virus1,virus1.fa,others") for row in ROWS],
            r"the label of virus1 is virus there and others in .*line 6; give",
        ),
        (
            [row.replace(",virus1,", ",kin,") for row in ROWS],
            r"the group of virus1 is virus1 there and kin in",
        ),
        (
            [*ROWS[:-1], ROWS[-1].replace("test", "train")],
            r"the split of virus2 is test there and train in",
        ),
        (
            [row.replace("virus1.fa", "more.fa") for row in ROWS],
            r"virus1 has other letters there than in .*more\.fa; give the same ones, or another --",
        ),
    ],
)
def test_other_genomes_are_refused_and_the_first_difference_named(
    folder: Path, rows: list[str], difference: str
) -> None:
    sheet = write_sheet(folder, rows)
    with pytest.raises(UsageError, match=rf"dataset: was made of other genomes: {difference}"):
        open_or_make_dataset(sheet, folder / "dataset", SETTINGS, lambda _: None)


def test_a_sheet_without_a_split_goes_on_with_a_dataset_that_has_one(folder: Path) -> None:
    sheet = write_sheet(folder, [row.rpartition(",")[0] + "," for row in ROWS])
    open_or_make_dataset(sheet, folder / "dataset", SETTINGS, lambda _: None)


def test_other_settings_are_refused(folder: Path) -> None:
    settings = replace(SETTINGS, similarity=0.5)
    with pytest.raises(UsageError, match="dataset: was made with other settings; give the same"):
        open_or_make_dataset(folder / "sheet.csv", folder / "dataset", settings, lambda _: None)


def test_a_sheet_that_does_not_exist_is_refused_although_the_dataset_is_there(
    folder: Path,
) -> None:
    with pytest.raises(InputError, match=r"none\.csv: does not exist; check the path"):
        open_or_make_dataset(folder / "none.csv", folder / "dataset", SETTINGS, lambda _: None)


def test_a_split_by_hand_means_nothing_to_a_dataset_for_testing(folder: Path) -> None:
    for _ in range(2):
        made = open_or_make_dataset(
            folder / "sheet.csv", folder / "test", SETTINGS, lambda _: None, is_test=True
        )
    assert {row.split for row in made.genomes} == {"test"}
