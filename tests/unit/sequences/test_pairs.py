from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import ReadFiles, read_batches


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
