"""What the first part of a sample tells of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest

from virnucpro_core.errors import InputError
from virnucpro_core.estimating import Counts, Look, choose_samples, look_at
from virnucpro_core.sequences import PrepareSettings, ReadFiles, prepare
from virnucpro_core.sequences import _reader as reader
from virnucpro_core.store import read_shard

READS = Path(__file__).parents[2] / "data" / "reads.fasta"
SETTINGS = PrepareSettings("s", 300, 20_000)


def look(path: Path, folder: Path, n_records: int = 50_000) -> Look:
    return look_at(ReadFiles((path,)), folder, SETTINGS, n_records)


def random_reads(n: int) -> list[tuple[str, str]]:
    draw = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[draw.integers(0, 4, (n, 150))]
    return [(f"r{i:06d}", row.tobytes().decode()) for i, row in enumerate(letters)]


def as_fastq(path: Path, reads: list[tuple[str, str]]) -> Path:
    path.write_text("".join(f"@{name}\n{letters}\n+\n{'I' * 150}\n" for name, letters in reads))
    return path


def as_bam(path: Path, reads: list[tuple[str, str]]) -> Path:
    with pysam.AlignmentFile(str(path), "wb", header={"HD": {"VN": "1.6"}}) as file:
        for name, letters in reads:
            made = pysam.AlignedSegment(file.header)
            made.query_name, made.query_sequence, made.flag = name, letters, pysam.FUNMAP
            file.write(made)
    return path


def test_the_counts_of_a_file_that_is_read_whole_are_exact(tmp_path: Path) -> None:
    found = look(READS, tmp_path / "look")
    made = prepare(READS, tmp_path / "made", SETTINGS)
    shards = [read_shard(path) for path in made.shards]
    assert (found.share, found.error) == (1.0, 0.0)
    assert found.seen == Counts(
        records=made.n_records,
        bases=made.n_bases,
        windows=made.n_chunks,
        frames=made.n_frames,
        nucleotides=sum(len(shard.nucleotides.data) for shard in shards),
        residues=sum(len(shard.proteins.data) for shard in shards),
    )


def test_an_empty_file_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.fa").touch()
    found = look(tmp_path / "empty.fa", tmp_path)
    assert (found.seen, found.share, found.error) == (Counts(), 1.0, 0.0)


@pytest.mark.parametrize("write", [as_fastq, as_bam])
def test_a_tenth_of_a_file_tells_how_much_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object
) -> None:
    monkeypatch.setattr(reader, "BATCH_RECORDS", 500)
    path = write(tmp_path / "reads", random_reads(40_000))  # type: ignore[operator]
    found = look(path, tmp_path, n_records=4_000)
    assert found.seen.records == 4_000
    assert 0 < found.error < 1
    # A reader takes some 100 kB ahead, which is what a tenth of these files may be wrong by.
    assert found.seen.scaled(1 / found.share).records == pytest.approx(40_000, rel=0.15)


def test_a_look_at_a_part_leaves_the_rest_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BATCH_RECORDS", 500)
    reads = random_reads(5_000)
    reads[-1] = ("bad", "ACGT!" * 30)
    found = look(as_fastq(tmp_path / "reads.fq", reads), tmp_path, n_records=1_000)
    assert found.seen.records == 1_500  # three batches at least


def test_what_has_no_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file; check the path"):
        look(tmp_path / "absent.fa", tmp_path)
    with pytest.raises(InputError, match="is not a file, so nothing tells how much"):
        look(tmp_path, tmp_path)


def test_of_many_samples_some_are_looked_at() -> None:
    assert choose_samples(range(5), 20) == [0, 1, 2, 3, 4]
    assert choose_samples(range(100), 4) == [0, 25, 50, 75]
