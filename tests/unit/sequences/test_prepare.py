from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tests.unit.sequences import reference
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences import PrepareSettings, PrepareSummary, ReadFiles, _prepare, prepare
from virnucpro_core.store import RecordTable, read_shard


def run(path: Path, outdir: Path, *, size: int = 60, shard_frames: int = 10_000) -> PrepareSummary:
    return prepare(path, outdir, PrepareSettings("s", size, shard_frames))


def frames_in(summary: PrepareSummary) -> list[tuple[str, str, str]]:
    found = []
    for path in summary.shards:
        shard = read_shard(path)
        nucleotides = [sequence.decode() for sequence in shard.nucleotides]
        proteins = [sequence.decode() for sequence in shard.proteins]
        found += list(zip(shard.frame_ids(), nucleotides, proteins, strict=True))
    return found


def random_records(letters: str, n: int, longest: int) -> list[tuple[str, str]]:
    rng = random.Random(7)
    lengths = [*range(12), *(rng.randrange(longest) for _ in range(n))]
    return [(f"r{i}", "".join(rng.choices(letters, k=length))) for i, length in enumerate(lengths)]


def write_fasta(path: Path, records: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f">{name} d\n{sequence}\n" for name, sequence in records))
    return path


@pytest.mark.parametrize(
    "letters", ["ACGT", "ACGTacgtuU", "ACGT" * 60 + "RYSWKMBDHVN"], ids=["plain", "case", "iupac"]
)
def test_frames_equal_a_plain_python_translation(tmp_path: Path, letters: str) -> None:
    records = random_records(letters, n=150, longest=400)
    summary = run(write_fasta(tmp_path / "in.fa", records), tmp_path)
    expected = reference.all_frames(records, 60)
    assert len(expected) > 500
    assert frames_in(summary) == expected


@pytest.mark.parametrize("stretch", [1, 61, 1_000])
def test_the_stretch_size_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    monkeypatch.setattr(_prepare, "STRETCH_BASES", stretch)
    records = random_records("ACGT", n=5, longest=5_000)
    summary = run(write_fasta(tmp_path / "in.fa", records), tmp_path)
    assert frames_in(summary) == reference.all_frames(records, 60)


@pytest.mark.parametrize("shard_frames", [1, 7, 64])
def test_shards_are_full_and_in_input_order(tmp_path: Path, shard_frames: int) -> None:
    records = random_records("ACGT", n=30, longest=300)
    path = write_fasta(tmp_path / "in.fa", records)
    summary = run(path, tmp_path, shard_frames=shard_frames)
    shards = [read_shard(path) for path in summary.shards]
    assert [len(shard) for shard in shards[:-1]] == [shard_frames] * (len(shards) - 1)
    assert 0 < len(shards[-1]) <= shard_frames
    assert [shard.index for shard in shards] == list(range(1, len(shards) + 1))
    assert frames_in(summary) == reference.all_frames(records, 60)
    assert summary.n_frames == len(frames_in(summary))


def test_every_record_has_its_row_in_the_table(tmp_path: Path) -> None:
    records = [("a", "ATG" * 40), ("empty", ""), ("two", "AC"), ("stops", "TAACTAACTAACTTAGTTAG")]
    summary = run(write_fasta(tmp_path / "in.fa", records), tmp_path)
    table = RecordTable.open(tmp_path / "s.records.h5")
    (rows,) = table.blocks()
    assert [name.decode() for name in rows.ids] == ["a", "empty", "two", "stops"]
    assert rows.length.tolist() == [120, 0, 2, 20]
    assert rows.n_chunks.tolist() == [2, 0, 1, 1]
    counted = [
        sum(name.startswith(f"{record}_chunk_") for name, *_ in frames_in(summary))
        for record, _ in records
    ]
    assert rows.n_frames.tolist() == counted
    assert counted[1:3] == [0, 0]


def test_a_file_without_records_gives_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "in.fa").write_bytes(b"")
    summary = run(tmp_path / "in.fa", tmp_path)
    assert summary.shards == []
    assert RecordTable.open(tmp_path / "s.records.h5").n_records == 0


def test_a_second_run_writes_the_same_bytes_of_content(tmp_path: Path) -> None:
    path = write_fasta(tmp_path / "in.fa", random_records("ACGT", n=50, longest=500))
    first, second = run(path, tmp_path / "1"), run(path, tmp_path / "2")
    digests = [[read_shard(shard).digest() for shard in s.shards] for s in (first, second)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("sequence", "where", "what", "remedy"),
    [
        ("ACGTMKLVLE", "record 2 (bad)", "'L' at base 7", "not proteins"),
        ("ACG--ACG", "record 2 (bad)", "'-' at base 4", "gaps"),
        ("ACG ACG", "record 2 (bad)", "' ' at base 4", "nucleotides only"),
    ],
)
def test_what_is_no_nucleotide_is_named_with_its_place(
    tmp_path: Path, sequence: str, where: str, what: str, remedy: str
) -> None:
    path = write_fasta(tmp_path / "in.fa", [("good", "ACGTACGT"), ("bad", sequence)])
    with pytest.raises(InputError) as error:
        run(path, tmp_path)
    for text in (str(path), where, what, remedy):
        assert text in str(error.value)


def test_a_bad_letter_behind_empty_records_is_put_in_the_right_record(tmp_path: Path) -> None:
    path = write_fasta(tmp_path / "in.fa", [("a", "ACGT"), ("b", ""), ("c", ""), ("d", "AQ")])
    with pytest.raises(InputError, match=r"record 4 \(d\).*'Q' at base 2"):
        run(path, tmp_path)


@pytest.mark.parametrize("buffered", [1, 2, 1 << 20])
def test_an_id_that_occurs_twice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buffered: int
) -> None:
    monkeypatch.setattr("virnucpro_core.sequences._duplicates._BUFFERED_IDS", buffered)
    monkeypatch.setattr("virnucpro_core.sequences._reader.BATCH_RECORDS", 3)
    records = [(f"r{i}", "ACGT") for i in range(20)]
    run(write_fasta(tmp_path / "unique.fa", records), tmp_path)
    path = write_fasta(tmp_path / "in.fa", [*records, ("r4", "GGG")])
    with pytest.raises(InputError, match=r"record 21: the id r4 is that of record 5 again"):
        run(path, tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["abcb"], r"0\.fa, record 4: the id b is that of record 2 again; make the ids unique"),
        (["abb"], r"0\.fa, record 3: the id b is that of record 2 again; if these are mates, give "
         "both mates of every pair, in turn from the first record on"),
        (["ab", "cb"], r"1\.fa, record 2: the id b is that of .*0\.fa, record 2 again; if these "
         "are mates, name the two files in one row of the samplesheet, as fastq_1 and fastq_2"),
    ],
)  # fmt: skip
def test_an_id_that_occurs_twice_is_told_with_what_to_do(
    tmp_path: Path, files: list[str], message: str
) -> None:
    paths = [
        write_fasta(tmp_path / f"{number}.fa", [(name, "ACGT") for name in ids])
        for number, ids in enumerate(files)
    ]
    with pytest.raises(InputError, match=message):
        prepare(ReadFiles(tuple(paths)), tmp_path, PrepareSettings("s", 60, 10))


def test_a_failed_run_leaves_no_record_table(tmp_path: Path) -> None:
    path = write_fasta(tmp_path / "in.fa", [("a", "ACGTQ")])
    with pytest.raises(InputError):
        run(path, tmp_path)
    assert not list(tmp_path.glob("*.records.h5*"))


@pytest.mark.parametrize(
    ("sample", "size", "frames"), [("s", 2, 10), ("s", 500, 0), ("a/b", 500, 10), ("", 500, 10)]
)
def test_senseless_settings_are_refused(sample: str, size: int, frames: int) -> None:
    with pytest.raises(UsageError):
        PrepareSettings(sample, size, frames)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_records(tmp_path: Path) -> None:
    """The traced peak for ten times the records stays within a quarter of the smaller one's."""
    import tracemalloc

    rng = np.random.default_rng(3)
    peaks = []
    for n in (40_000, 400_000):
        path = tmp_path / f"{n}.fa"
        with path.open("w") as file:
            for start in range(0, n, 10_000):
                letters = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), (10_000, 60))
                file.writelines(
                    f">r{start + i}\n{row.tobytes().decode()}\n" for i, row in enumerate(letters)
                )
        tracemalloc.start()
        run(path, tmp_path / str(n), shard_frames=5_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.25 * peaks[0]
