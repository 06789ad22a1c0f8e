from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from virnucpro_core.errors import InputError
from virnucpro_core.samples import Sample, SheetError, is_sheet, read_sheet

SCHEMA = Path(__file__).parents[3] / "assets" / "schema_input.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name in ("a.fq", "a_1.fq", "a_2.fq", "b_1.fq", "b_2.fq", "data/with space, comma.fq"):
        (tmp_path / name).touch()
    return tmp_path


def samples(
    folder: Path, text: str | bytes, name: str = "sheet.csv", launch_dir: Path | None = None
) -> list[Sample]:
    sheet = folder / name
    sheet.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_sheet(sheet, launch_dir=launch_dir or folder, schema=SCHEMA).samples


def lines(folder: Path, text: str, name: str = "sheet.csv") -> list[str]:
    with pytest.raises(SheetError) as caught:
        samples(folder, text, name)
    return [line.removeprefix(f"{folder / name}").lstrip(", :") for line in caught.value.lines]


def test_files_pairs_and_lanes(folder: Path) -> None:
    sheet = (
        "sample,fastq_1,fastq_2,file\n"
        "pair,a_1.fq,a_2.fq,\n"
        'one,,,"data/with space, comma.fq"\n'
        "\n"
        "pair,b_1.fq,b_2.fq,\n"
    )
    pair, one = samples(folder, sheet)
    files = tuple(str(folder / name) for name in ("a_1.fq", "a_2.fq", "b_1.fq", "b_2.fq"))
    assert pair == Sample("pair", files, paired=True, row=2)
    assert one.files == (str(folder / "data/with space, comma.fq"),)
    assert (one.paired, one.row) == (False, 3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.csv", b"\xef\xbb\xbfsample,fastq_1\r\nx,a.fq\r\n"),
        ("s.csv", b"Sample;FastQ_1\r\nx ; a.fq\r\n"),
        ("s.tsv", b"sample\tfastq_1\tfastq_2\nx\ta.fq\t\n"),
        ("s.yaml", b"- sample: x\n  fastq_1: a.fq\n"),
        ("s.yaml", b"- sample: x\n  fastq_1: a.fq\n  fastq_2: null\n  file: ~\n  paired: false\n"),
        ("s.json", b'[{"sample": "x", "file": "a.fq"}]'),
        ("s.json", b'[\n\t{"sample": "x", "fastq_1": "a.fq", "fastq_2": null, "paired": false}\n]'),
    ],
    ids=["bom", "semicolons", "tsv", "yaml", "yaml-null", "json", "json-null"],
)
def test_spreadsheets_and_other_formats(folder: Path, name: str, text: bytes) -> None:
    assert is_sheet(name)
    (sample,) = samples(folder, text, name)
    assert (sample.name, sample.files, sample.paired) == ("x", (str(folder / "a.fq"),), False)


@pytest.mark.parametrize(
    ("name", "text", "sample"),
    [
        ("s.yml", "- sample: 007\n  file: a.fq\n", "007"),
        ("s.yml", "- sample: 'null'\n  file: a.fq\n", "null"),
        ("s.json", '[{"sample": 1.50, "file": "a.fq"}]', "1.50"),
    ],
)
def test_names_that_look_like_something_else_stay_text(
    folder: Path, name: str, text: str, sample: str
) -> None:
    assert [each.name for each in samples(folder, text, name)] == [sample]


def test_a_path_is_beside_the_sheet_or_else_where_the_run_started(folder: Path) -> None:
    launch = folder / "launch"
    launch.mkdir()
    for name in ("a.fq", "only_here.fq"):
        (launch / name).touch()
    found = samples(folder, "sample,file\nx,a.fq\ny,only_here.fq\n", launch_dir=launch)
    assert [sample.files for sample in found] == [
        (str(folder / "a.fq"),),
        (str(launch / "only_here.fq"),),
    ]


def test_urls_are_left_to_the_pipeline(folder: Path) -> None:
    sheet = folder / "copy.csv"
    sheet.write_text("sample,file\nx,s3://reads/a.fq\ny,b.fq\n")
    reading = read_sheet(sheet, launch_dir=folder, origin="s3://sheets/of/mine.csv")
    assert [sample.files[0] for sample in reading.samples] == [
        "s3://reads/a.fq",
        "s3://sheets/of/b.fq",
    ]


def test_columns_that_nothing_reads_are_noted(folder: Path) -> None:
    sheet = folder / "s.csv"
    sheet.write_text("sample,fastq_1,fastq_2,strandedness\nx,a.fq,,auto\n")
    (note,) = read_sheet(sheet, launch_dir=folder).notes
    assert note.endswith("nothing reads the columns strandedness")


def test_all_mistakes_are_told_with_their_rows(folder: Path) -> None:
    sheet = (
        "sample,fastq_1,fastq_2,file\n"
        "a b,a.fq,,\n"
        ",a_1.fq,,\n"
        "gone,,,absent.fq\n"
        "dir,,,data\n"
        "twice,,,a.fq\n"
        "none,,,\n"
        "second,,a_2.fq,\n"
        "both,b_1.fq,,b_2.fq\n"
        "mixed,data/../a_1.fq,,\n"
        "pipeline_info,$x.fq,,\n"
    )
    found = lines(folder, sheet)
    expected = [
        "row 2: sample is 'a b', it must be letters, digits,",
        "row 3: has no sample",
        "row 4: file absent.fq: there is no such file",
        "row 5: file data: this is a folder",
        "row 6: file a.fq: this file is already in row 2",
        "row 7: has no file; fill in fastq_1 or file",
        "row 8: has fastq_2 without fastq_1",
        "row 9: has both file and fastq_1",
        "row 10: fastq_1 data/../a_1.fq: this file is already in row 3",
        "row 11: sample is 'pipeline_info'",
        "row 11: fastq_1 '$x.fq': a path with one of $",
    ]
    assert len(found) == len(expected), found
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    "name",
    ["pipeline_info", "multiqc", "report.html", "stages", "stages_of", "versions.yml",
     "parameters.json", "command.txt"],
)  # fmt: skip
def test_names_that_the_pipeline_uses_itself_are_refused_wherever_one_is_given(
    folder: Path, name: str
) -> None:
    (line,) = lines(folder, f"sample,file\n{name},a.fq\n")
    assert line.startswith(f"row 2: sample is '{name}', it must be letters")
    assert name in line
    parameters = json.loads((SCHEMA.parents[1] / "nextflow_schema.json").read_text())
    (group,) = (g for g in parameters["$defs"].values() if "sample" in g["properties"])
    assert not re.search(group["properties"]["sample"]["pattern"], name)
    library = (SCHEMA.parents[1] / "lib" / "Samples.groovy").read_text()
    assert f"'{name}'" in library


def test_a_path_that_cannot_reach_the_tasks_is_refused_for_its_folder_too(folder: Path) -> None:
    odd = folder / "of $5"
    odd.mkdir()
    (odd / "a.fq").touch()
    (line,) = lines(odd, "sample,file\nx,a.fq\n")
    assert line.startswith(f"row 2: file {str(odd / 'a.fq')!r}: a path with one of $")


def test_lanes_that_are_paired_and_not_are_refused(folder: Path) -> None:
    (line,) = lines(folder, "sample,fastq_1,fastq_2\nx,a_1.fq,a_2.fq\nx,b_1.fq,\n")
    assert line.startswith("row 3: sample x has one file here and a pair of files in row 2")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "s.yml",
            "- file: a.fq\n- file: a.fq\n  file: b.fq\n",
            "item 2: has the column file twice",
        ),
        ("s.json", '[{"sample": "x", "sample": "y"}]', "item 1: has the column sample twice"),
        ("s.json", '[{"sample": "x",}]', "is not JSON ("),
        ("s.json", '[{"sample": ["x"]}]', "item 1: is not 'name: text' for each column"),
        ("s.yml", "- sample: x\n  file: [a.fq, b.fq]\n", "item 1: is not 'name: text'"),
        ("s.yml", "- sample: !!python/object:os.system x\n- ]\n", "is not YAML ("),
        ("s.json", "", "has no samples; add one item for each"),
        ("s.csv", "", "needs the columns sample and fastq_1 or file; its columns are none"),
        ("s.csv", "sample,reads\nx,a.fq\n", "its columns are sample, reads"),
        ("s.csv", "sample,file\n\n", "has no samples"),
        ("s.csv", "sample,file\nx,a.fq,data/b.fq\n", "row 2: has 3 fields, the header has 2"),
        ("s.csv", 'sample,file\nx,"a.fq\n', "row 2: is not a table"),
        ("s.csv", "sample,file,file\nx,a.fq,\n", "row 1: has the column file twice"),
        ("s.csv", "sample,file\nx,\xe9.fq\n".encode("latin-1"), "is not UTF-8; save it as"),
    ],
)
def test_a_sheet_that_is_no_table_of_samples_is_one_line(
    folder: Path, name: str, text: str | bytes, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        samples(folder, text, name)
    assert message in str(caught.value)
    assert str(folder / name) in str(caught.value)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_lists_in_lists_without_end_are_an_error(folder: Path, suffix: str, opening: str) -> None:
    with pytest.raises(InputError, match=r"is not (JSON|YAML) \(lists in lists without end\)"):
        samples(folder, opening * 20_000, f"sheet.{suffix}")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "/" + "y/" * 3_000])
def test_a_name_that_no_file_can_have_is_that_of_none(folder: Path, name: str) -> None:
    sheet = json.dumps([{"sample": "a", "file": name}])
    (line,) = lines(folder, sheet, "sheet.json")
    assert line.startswith("item 1: file ")
    assert line.endswith("there is no such file")
