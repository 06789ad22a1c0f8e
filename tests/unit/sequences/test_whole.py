"""Whole sequences to shards: nothing lost, nothing cut, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences import WholeSettings, clean_sequences, shard_whole
from virnucpro_core.store import WHOLE_RECORDS, RecordTable, read_shard

RECORDS = ["MKTAYIAKQR*", "giveqcc", "", "XBZUO", "W", "*"]
NAMES = ["b", "a", "gone", "c", "d", "e"]


def write(path: Path, records: dict[str, str]) -> Path:
    path.write_text("".join(f">{name} x\n{letters}\n" for name, letters in records.items()))
    return path


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    return write(tmp_path / "p.faa", dict(zip(NAMES, RECORDS, strict=True)))


def shard(path: Path, *, molecule: str = "protein", shard_frames: int = 2) -> list[Path]:
    settings = WholeSettings("s", molecule, shard_frames)
    return shard_whole(path, path.parent, settings).shards


def test_shards_hold_the_sequences_in_input_order(fasta: Path) -> None:
    shards = [read_shard(path) for path in shard(fasta)]
    assert [part.frame_ids() for part in shards] == [["b", "a"], ["c", "d"]]
    assert [list(part.proteins) for part in shards] == [
        [b"MKTAYIAKQR", b"GIVEQCC"],
        [b"XBZUO", b"W"],
    ]
    for number, part in enumerate(shards, start=1):
        assert (part.sample, part.index, part.window_size) == ("s", number, WHOLE_RECORDS)
        assert not part.nucleotides.lengths.any()
    assert [part.record_index.tolist() for part in shards] == [[0, 1], [3, 4]]


def test_every_record_has_its_row(fasta: Path) -> None:
    shard(fasta)
    (rows,) = RecordTable.open(fasta.parent / "s.records.h5").blocks()
    assert [name.decode() for name in rows.ids] == NAMES
    assert rows.length.tolist() == [10, 7, 0, 5, 1, 0]
    assert rows.n_frames.tolist() == [1, 1, 0, 1, 1, 0]


def test_dna_is_upper_case_with_t(tmp_path: Path) -> None:
    fasta = write(tmp_path / "d.fa", {"x": "acguRYN", "y": "ACGT"})
    (path,) = shard(fasta, molecule="dna")
    assert list(read_shard(path).nucleotides) == [b"ACGTRYN", b"ACGT"]


@pytest.mark.parametrize("records", [{}, {"x": ""}])
def test_without_a_letter_there_is_one_empty_shard(tmp_path: Path, records: dict[str, str]) -> None:
    (path,) = shard(write(tmp_path / "p.faa", records))
    assert len(read_shard(path)) == 0
    assert RecordTable.open(tmp_path / "s.records.h5").n_records == len(records)


@pytest.mark.parametrize(
    ("records", "molecule", "message"),
    [
        ({"x": "MK", "y": "M1"}, "protein", "p.faa, record 2 (y): has '1' at letter 2"),
        ({"x": "MJ"}, "protein", "has 'J' at letter 2, which is not an amino acid; give amino"),
        ({"x": "A-C"}, "dna", "has '-' at letter 2, which is not a nucleotide; remove the gaps"),
        ({"x": "ACE"}, "dna", "has 'E' at letter 3, which is not a nucleotide; give nucleotides"),
        ({"x": "ACGT*"}, "dna", "has '*' at letter 5, which is not a nucleotide"),
        ({"x": "ACGTN" * 12}, "protein", "record 1 (x): looks like DNA"),
        ({"x": "acgu" * 15}, "protein", "record 1 (x): looks like DNA"),
    ],
)
def test_letters_that_are_refused(
    tmp_path: Path, records: dict[str, str], molecule: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        shard(write(tmp_path / "p.faa", records), molecule=molecule)
    assert message in str(caught.value)


def test_the_first_bad_letter_is_found_behind_empty_sequences() -> None:
    with pytest.raises(InputError, match=r"list, record 14 \(c\): has '5' at letter 2"):
        clean_sequences(["MK", "", "", "M5"], list("abdc"), "protein", source="list", first=10)


def test_an_id_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.faa"
    path.write_text(">x\nMK\n>y\nMK\n>x\nMM\n")
    with pytest.raises(InputError, match="the id x is that of record 1 again"):
        shard(path)


@pytest.mark.parametrize(
    ("sample", "shard_frames", "message"),
    [("a/b", 1, "cannot be part of a file name"), ("s", 0, "is not a positive number")],
)
def test_settings_that_are_refused(sample: str, shard_frames: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        WholeSettings(sample, "protein", shard_frames)


def test_another_molecule_is_refused() -> None:
    with pytest.raises(UsageError, match="no molecule 'rna'; use dna or protein"):
        clean_sequences([], [], "rna", source="list")
