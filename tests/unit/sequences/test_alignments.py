from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest
from xopen import xopen

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import RecordBatch, read_batches

HEADER = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "c", "LN": 400}]}


def zstd(data: bytes) -> bytes:
    packed = io.BytesIO()
    with xopen(packed, "wb", format="zst", threads=0) as file:
        file.write(data)
    return packed.getvalue()


def segment(
    name: str, sequence: str | None, qualities: str | None, flag: int = pysam.FUNMAP
) -> pysam.AlignedSegment:
    made = pysam.AlignedSegment(pysam.AlignmentHeader.from_dict(HEADER))
    made.query_name, made.query_sequence, made.flag = name, sequence, flag
    if qualities is not None:
        made.query_qualities = pysam.qualitystring_to_array(qualities)
    if not flag & pysam.FUNMAP and sequence is not None:
        made.reference_id, made.reference_start = 0, 10
        made.cigarstring = f"{len(sequence)}M"
    return made


def write(path: Path, *segments: pysam.AlignedSegment, mode: str = "wb") -> Path:
    with pysam.AlignmentFile(str(path), mode, header=HEADER) as file:
        for each in segments:
            file.write(each)
    return path


def only_batch(path: Path) -> RecordBatch:
    (batch,) = read_batches(path)
    return batch


@pytest.mark.parametrize("mode", ["wb", "wc", "w"], ids=["bam", "cram", "sam"])
def test_unaligned_reads_are_as_the_sequencer_gave_them(tmp_path: Path, mode: str) -> None:
    flag = pysam.FUNMAP | pysam.FPAIRED
    path = write(
        tmp_path / "reads",
        segment("r", "ACGTT", "ABCDE", flag | pysam.FREAD1),
        segment("r", "GGA", "FGH", flag | pysam.FREAD2),
        segment("single", "TT", "II"),
        mode=mode,
    )
    batch = only_batch(path)
    assert batch.ids == batch.names == ["r/1", "r/2", "single"]
    assert batch.sequences == ["ACGTT", "GGA", "TT"]
    assert batch.qualities == ["ABCDE", "FGH", "II"]


@pytest.mark.parametrize(
    "header",
    [
        "@HD\tSO:unsorted\tVN:1.6\n",
        "@SQ\tLN:400\tSN:c\n",
        "@RG\tSM:s\tID:g\n",
        "@PG\tPN:x\tID:p\n",
        "@CO\tx\n",
    ],
)
def test_sam_is_known_by_its_header_in_any_order(tmp_path: Path, header: str) -> None:
    path = tmp_path / "reads"
    path.write_text(f"{header}r\t4\t*\t0\t0\t*\t*\t0\t0\tACGTT\tABCDE\n")
    assert only_batch(path).sequences == ["ACGTT"]


@pytest.mark.parametrize(
    ("compress", "name"),
    [(bz2.compress, "bzip2"), (lzma.compress, "xz"), (zstd, "zstd"), (gzip.compress, None)],
)
def test_sam_is_read_from_gzip_and_refused_in_other_compressions(
    tmp_path: Path, compress: Callable[[bytes], bytes], name: str | None
) -> None:
    path = tmp_path / "reads"
    path.write_bytes(compress(b"@CO\tx\nr\t4\t*\t0\t0\t*\t*\t0\t0\tACGTT\tABCDE\n"))
    if name is None:
        assert only_batch(path).sequences == ["ACGTT"]
        return
    with pytest.raises(InputError, match=f"SAM compressed with {name}; decompress it"):
        only_batch(path)


def test_reverse_alignments_are_turned_back_and_each_read_is_there_once(tmp_path: Path) -> None:
    path = write(
        tmp_path / "reads.bam",
        segment("r", "ACGTT", "ABCDE", pysam.FREVERSE),
        segment("r", "ACG", "ABC", pysam.FSECONDARY),
        segment("r", "ACG", "ABC", pysam.FSUPPLEMENTARY),
        segment("s", "AAC", "ABC", 0),
    )
    batch = only_batch(path)
    assert list(zip(batch.ids, batch.sequences, batch.qualities or (), strict=True)) == [
        ("r", "AACGT", "EDCBA"),
        ("s", "AAC", "ABC"),
    ]


def test_missing_sequences_and_qualities_are_no_error(tmp_path: Path) -> None:
    with_qualities = write(
        tmp_path / "with.bam", segment("a", None, None), segment("b", "AC", "II"),
        segment("c", "ACG", None),
    )  # fmt: skip
    assert only_batch(with_qualities).qualities == ["", "II", '"""']
    without = write(tmp_path / "without.bam", segment("a", "AC", None), segment("b", "AC", "II"))
    assert only_batch(without).qualities is None


def test_a_truncated_bam_is_an_error_and_not_a_shorter_input(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", *(segment(f"r{i}", "ACGT", "IIII") for i in range(9)))
    cut = tmp_path / "cut.bam"
    cut.write_bytes(whole.read_bytes()[:-28])  # the block that marks the end
    with pytest.raises(InputError, match=r"cut\.bam: .*damaged"):
        only_batch(cut)


def test_a_cram_without_its_reference_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REF_PATH", str(tmp_path / "nowhere"))
    reference = tmp_path / "c.fa"
    reference.write_text(">c\n" + "ACGT" * 100 + "\n")
    path = tmp_path / "reads.cram"
    with pysam.AlignmentFile(
        str(path), "wc", header=HEADER, reference_filename=str(reference)
    ) as file:
        file.write(segment("r", "ACGT", "IIII", 0))
    reference.unlink()
    with pytest.raises(InputError, match=r"reads\.cram: cannot be decoded: the reference"):
        only_batch(path)
