from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import OpenedFiles, ReadFiles, read_batches


def fastq(path: Path, *records: tuple[str, str]) -> Path:
    text = "".join(f"@{name}\n{seq}\n+\n{'I' * len(seq)}\n" for name, seq in records)
    path.write_bytes(gzip.compress(text.encode()))
    return path


def names(reads: ReadFiles) -> list[str]:
    return [name for batch in read_batches(reads) for name in batch.names]


def test_mates_take_turns_and_those_with_one_id_are_told_apart(tmp_path: Path) -> None:
    first = fastq(tmp_path / "a_1.fq.gz", ("r 1:N", "AC"), ("s", "ACG"))
    second = fastq(tmp_path / "a_2.fq.gz", ("r 2:N", "GT"), ("s", "CGT"))
    (batch,) = read_batches(ReadFiles((first, second), paired=True))
    assert batch.ids == ["r/1", "r/2", "s/1", "s/2"]
    assert batch.names == ["r/1 1:N", "r/2 2:N", "s/1", "s/2"]
    assert batch.sequences == ["AC", "GT", "ACG", "CGT"]
    assert batch.qualities == ["II", "II", "III", "III"]
    assert batch.place(3) == f"{second}, record 2"
    assert batch.slice(3, 4).place(0) == f"{second}, record 2"


@pytest.mark.parametrize("rest", ["r/", "SRR1.7.", "r_", "r:"])
def test_ids_that_tell_the_mates_apart_stay(tmp_path: Path, rest: str) -> None:
    first = fastq(tmp_path / "1.fq", (f"{rest}1", "AC"))
    second = fastq(tmp_path / "2.fq", (f"{rest}2", "AC"))
    assert names(ReadFiles((first, second), paired=True)) == [f"{rest}1", f"{rest}2"]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("read1", "read2"),
        ("S.2", "S.3"),
        ("S.1", "S.3"),
        ("r/2", "r/1"),
        ("r/1", "r_2"),
        ("r-1", "r-2"),
        ("1", "2"),
        ("q/1", "r/2"),
    ],
)
def test_ids_of_different_reads_are_no_mates(tmp_path: Path, one: str, two: str) -> None:
    first = fastq(tmp_path / "1.fq", (one, "AC"))
    second = fastq(tmp_path / "2.fq", (two, "AC"))
    with pytest.raises(InputError, match=rf"is {two}, its mate in the other file is {one};"):
        names(ReadFiles((first, second), paired=True))


def test_lanes_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virnucpro_core.sequences._reader.BATCH_RECORDS", 3)
    files = [
        fastq(tmp_path / f"{lane}_{mate}.fq", (f"{lane}a", "AC"), (f"{lane}b", "AC"))
        for lane in "xy"
        for mate in "12"
    ]
    batches = list(read_batches(ReadFiles(tuple(files), paired=True)))
    assert [batch.first for batch in batches] == [0, 3, 4, 7]
    assert [name for batch in batches for name in batch.ids] == (
        ["xa/1", "xa/2", "xb/1", "xb/2", "ya/1", "ya/2", "yb/1", "yb/2"]
    )
    assert batches[3].place(0) == f"{files[3]}, record 2"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([("r", "AC")], r"2\.fq: ends after 1 records, its mates in .*1\.fq go on"),
        ([("r", "AC"), ("s", "A"), ("t", "A")], r"1\.fq: ends after 2 records"),
        ([("r", "AC"), ("x", "A")], r"2\.fq, record 2: is x, its mate in the other file is s"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, second: list[tuple[str, str]], message: str
) -> None:
    first = fastq(tmp_path / "1.fq", ("r", "AC"), ("s", "AC"))
    with pytest.raises(InputError, match=message):
        names(ReadFiles((first, fastq(tmp_path / "2.fq", *second)), paired=True))


def test_lanes_with_and_without_qualities_are_refused(tmp_path: Path) -> None:
    fasta = tmp_path / "b.fa"
    fasta.write_text(">q\nAC\n")
    with pytest.raises(InputError, match=r"b\.fa: has no base qualities"):
        names(ReadFiles((fastq(tmp_path / "a.fq", ("r", "AC")), fasta)))


def test_a_file_given_as_both_of_a_pair_is_refused(tmp_path: Path) -> None:
    file = fastq(tmp_path / "1.fq", ("r 1:N:0:A", "AC"))
    with pytest.raises(InputError, match=r"record 1: says that it is the same mate as the one in"):
        names(ReadFiles((file, file), paired=True))


@pytest.mark.parametrize("kind", ["fastq", "fasta"])
@pytest.mark.parametrize("ends", [("", ""), (" 1:N:0", " 2:N:0"), (" length=4", " length=3")])
def test_mates_in_turn_are_told_apart_as_those_of_two_files(
    tmp_path: Path, kind: str, ends: tuple[str, str]
) -> None:
    records = [(f"{name}{end}", "ACGT"[at:]) for name in "rs" for at, end in enumerate(ends)]
    one, two, both = (tmp_path / name for name in ("1", "2", "both"))
    for path, chosen in ((one, records[::2]), (two, records[1::2]), (both, records)):
        if kind == "fastq":
            fastq(path, *chosen)
        else:
            path.write_text("".join(f">{name}\n{seq}\n" for name, seq in chosen))
    opened = OpenedFiles()
    (in_turn,) = read_batches(both, opened)
    (pairs,) = read_batches(ReadFiles((one, two), paired=True))
    assert in_turn.ids == ["r/1", "r/2", "s/1", "s/2"]
    assert in_turn.names == pairs.names
    assert in_turn.sequences == pairs.sequences
    assert in_turn.qualities == pairs.qualities
    assert in_turn.place(3) == f"{both}, record 4"
    assert opened.notes == [f"{both}: mates are in turn; their ids get /1 and /2"]


def test_each_lane_says_itself_whether_mates_are_in_turn(tmp_path: Path) -> None:
    lanes = [("a", "a"), ("b", "c"), (), ("d", "d", "e", "e")]
    files = [
        fastq(tmp_path / str(number), *((name, "AC") for name in lane))
        for number, lane in enumerate(lanes)
    ]
    expected = ["a/1", "a/2", "b", "c", "d/1", "d/2", "e/1", "e/2"]
    assert names(ReadFiles(tuple(files))) == expected


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("aab", "record 3: is b, whose mate does not follow"),
        ("aabc", "record 3: is b, whose mate does not follow"),
        ("aabbcd", "record 5: is c, whose mate does not follow"),
        ("aaaa", "record 3: is a for a second pair"),
    ],
)
def test_a_record_without_its_mate_among_mates_in_turn_is_an_error(
    tmp_path: Path, ids: str, message: str
) -> None:
    path = fastq(tmp_path / "r.fq", *((name, "AC") for name in ids))
    with pytest.raises(InputError, match=rf"r\.fq, {message}; in this file mates are in turn"):
        names(ReadFiles((path,)))


def test_records_that_say_they_are_the_same_mate_are_no_mates(tmp_path: Path) -> None:
    path = fastq(tmp_path / "r.fq", ("r 1:N:0", "AC"), ("r 1:N:0", "AC"))
    assert names(ReadFiles((path,))) == ["r 1:N:0", "r 1:N:0"]


def test_the_ids_of_what_are_no_reads_stay(tmp_path: Path) -> None:
    path = tmp_path / "p.faa"
    path.write_text(">p\nMK\n>p\nMK\n")
    (batch,) = read_batches(path, is_sample=False)
    assert batch.ids == ["p", "p"]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("GT", r"so it probably has the mates of its reads; name the two files of pairs in one "
         r"row of the samplesheet, as fastq_1 and fastq_2"),
        ("AC", "so it probably is that file again; name each file once"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("n_between", [0, 1])
def test_two_files_of_mates_as_lanes_are_told_how_to_be_given(
    tmp_path: Path, second: str, message: str, n_between: int
) -> None:
    between = [fastq(tmp_path / f"{n}.fq", (f"x{n}", "AC")) for n in range(n_between)]
    first = fastq(tmp_path / "R1.fq", ("r", "AC"), ("s", "AC"))
    with pytest.raises(
        InputError, match=rf"R2\.fq: begins with the id r, as .*R1\.fq does, {message}"
    ):
        names(ReadFiles((first, *between, fastq(tmp_path / "R2.fq", ("r", second)))))
