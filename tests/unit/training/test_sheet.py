from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.training.genomes import bases, write_fasta
from virnucpro_core.errors import InputError
from virnucpro_core.training._sheet import read_sheet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, name in enumerate(["viral/a.fasta.gz", "viral/b.1.fa", "cellular/c.fna"]):
        write_fasta(tmp_path / name, bases(50, i))
    return tmp_path


def write_sheet(folder: Path, text: str) -> Path:
    path = folder / "sheet.csv"
    path.write_text(text)
    return path


def test_a_folder_gives_each_genome_its_class(folder: Path) -> None:
    (folder / "viral" / ".hidden").write_text("x")
    rows = read_sheet(folder)
    assert [(row.name, row.label, row.group, row.split) for row in rows] == [
        ("a", 1, "a", None), ("b.1", 1, "b.1", None), ("c", 0, "c", None),
    ]  # fmt: skip
    assert rows[0].path == folder / "viral" / "a.fasta.gz"


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_sheet_is_sorted_by_name_and_its_paths_are_relative_to_it(
    folder: Path, separator: str
) -> None:
    lines = ["group,label,file,split", "g,virus,viral/b.1.fa,test", ",virus,viral/a.fasta.gz,train"]
    lines += [",,,", f",others,{folder}/cellular/c.fna,validation"]
    text = "\n".join(lines).replace(",", separator)
    rows = read_sheet(write_sheet(folder, "\ufeff" + text))
    assert [(row.name, row.group, row.split) for row in rows] == [
        ("a", "a", 0), ("b.1", "g", 2), ("c", "c", 1),
    ]  # fmt: skip
    assert rows[1].where.endswith("sheet.csv, line 2")


OTHERS = "cellular/c.fna,others\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n", r"sheet.csv, line 1: has no column 'file'; the columns are file, label"),
        ("file,label,grup\n", r"line 1: has the column 'grup' which is not known; the columns are"),
        ("file,label,label\n", r"line 1: has the column 'label' twice"),
        ("file,label\nviral/a.fasta.gz,viral\n", r"line 2: has the label 'viral'; use others or v"),
        ("file,label\nviral/x.fa,virus\n", r"line 2: names viral/x.fa, which is not a file; paths"),
        ("file,label\n,virus\n", r"line 2: names no file"),
        ("file,label\nviral/a.fasta.gz\n", r"line 2: has another number of fields"),
        ("file,label\nviral/a.fasta.gz,virus,x\n", r"line 2: has another number of fields"),
        (f"file,label\n{OTHERS}", r"sheet.csv: names no genome of the class virus"),
        (
            f"file,label\n{OTHERS}viral/a.fasta.gz,virus\nviral/a.fasta.gz,virus\n",
            r"line 4: the name a is that of viral/a.fasta.gz again; rename",
        ),
        (
            "file,label,split\ncellular/c.fna,others,dev\n",
            r"line 2: has the split 'dev'; use train, validation, test",
        ),
        (
            "file,label,split\ncellular/c.fna,others,\nviral/a.fasta.gz,virus,test\n",
            r"line 2: has no split, other lines have one",
        ),
        ('file,label\n"viral/a.fasta.gz,virus\n', r"cannot be read as a table"),
    ],
)
def test_a_mistake_in_a_sheet_is_one_line_with_its_place(
    folder: Path, text: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        read_sheet(write_sheet(folder, text))
    assert "\n" not in str(error.value)


def test_two_files_of_one_name_can_be_told_apart_by_a_column(folder: Path) -> None:
    write_fasta(folder / "cellular" / "a.fa", bases(40, 9))
    text = "file,label,name\ncellular/a.fa,others,host\nviral/a.fasta.gz,virus,\n"
    assert [row.name for row in read_sheet(write_sheet(folder, text))] == ["a", "host"]


def test_a_missing_sheet_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: does not exist"):
        read_sheet(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"cellular: holds no file; put genomes there"):
        read_sheet(tmp_path)


def test_a_sheet_may_have_columns_that_were_asked_for(folder: Path) -> None:
    text = "file,label,kind\nviral/a.fasta.gz,virus,phage\ncellular/c.fna,others,\n"
    sheet = write_sheet(folder, text)
    rows = read_sheet(sheet, also=("organism", "kind"))
    assert [row.also for row in rows] == [
        {"organism": "", "kind": "phage"}, {"organism": "", "kind": ""},
    ]  # fmt: skip
    with pytest.raises(InputError, match="'kind' which is not known"):
        read_sheet(sheet)
