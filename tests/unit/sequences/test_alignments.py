from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import threading
from array import array
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest
from backports import zstd

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import RecordBatch, _reader, read_batches

HEADER = {"HD": {"VN": "1.6"}, "SQ": [{"SN": "c", "LN": 400}]}


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


SAM = b"@CO\tx\nr\t4\t*\t0\t0\t*\t*\t0\t0\tACGTT\tABCDE\n"


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress]
)
def test_sam_is_read_from_every_compression(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "reads"
    path.write_bytes(compress(SAM) + bytes(compress is not bytes))
    assert only_batch(path).sequences == ["ACGTT"]


@pytest.mark.parametrize(
    ("compress", "name"), [(bz2.compress, "bzip2"), (lzma.compress, "xz"), (zstd.compress, "zstd")]
)
def test_bam_in_another_compression_than_its_own_is_refused(
    tmp_path: Path, compress: Callable[[bytes], bytes], name: str
) -> None:
    whole = write(tmp_path / "whole", segment("r", "ACGT", "IIII"))
    path = tmp_path / "reads"
    path.write_bytes(compress(gzip.decompress(whole.read_bytes())))
    with pytest.raises(InputError, match=f"is BAM or CRAM compressed with {name}; decompress it"):
        only_batch(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SAM[:-4], "line 2: is no whole SAM record"),
        (SAM + b"r\t4\n", "line 3: is no whole SAM record"),
        (SAM + b"\n@CO\tx\n", "line 4: is no whole SAM record"),
        (SAM.replace(b"ACGTT", b"ACL*T"), "line 2: has 'L' at base 3, which is not a nucleotide"),
        (b"@SQ\tSN:c\n" + SAM, "has a SAM header that cannot be used"),
        (SAM.replace(b"r", b"r\xe9"), "line 2.*outside ASCII"),
        (SAM.replace(b"r", b"r\0"), "line 2: has a zero byte"),
    ],
)
def test_a_malformed_sam_is_one_line_with_its_place(
    tmp_path: Path, text: bytes, message: str
) -> None:
    path = tmp_path / "reads.sam"
    path.write_bytes(text)
    with pytest.raises(InputError, match=rf"reads\.sam.*{message}"):
        only_batch(path)


def test_bam_from_a_pipe_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", segment("r", "ACGT", "IIII"))
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(whole.read_bytes(),))
    writer.start()
    with pytest.raises(InputError, match="pipe: is BAM or CRAM from a pipe; give a file"):
        only_batch(path)
    writer.join()


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


@pytest.mark.parametrize("mode", ["wb", "w"], ids=["bam", "sam"])
def test_records_of_one_base_leave_the_strings_of_python_as_they_are(
    tmp_path: Path, mode: str
) -> None:
    """pysam 0.24 changes those of one character in place."""
    qualities = [chr(33 + value) for value in range(94)]
    path = write(
        tmp_path / "reads",
        *(segment(f"r{n}", "A", quality) for n, quality in enumerate(qualities) if quality != "*"),
        segment("none", None, None),
        mode=mode,
    )
    batch = only_batch(path)
    assert batch.qualities == [*(q for q in qualities if q != "*"), ""]
    assert [chr(value).encode() for value in range(94)] == [bytes([value]) for value in range(94)]


def test_a_quality_that_no_character_stands_for_is_refused(tmp_path: Path) -> None:
    made = segment("r", "ACG", "III")
    made.query_qualities = array("B", [1, 94, 2])
    with pytest.raises(InputError, match=r"record 1 \(r\): has '\\x7f' as the quality of base 2"):
        only_batch(write(tmp_path / "reads.bam", made))


def test_a_bam_whose_header_is_damaged_is_one_line_and_htslib_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = write(tmp_path / "whole", segment("r", "ACGT", "IIII")).read_bytes()
    path = tmp_path / "reads.bam"
    for at in range(16, 60):  # from the size of its first block on
        changed = bytearray(whole)
        changed[at] ^= 255
        path.write_bytes(changed)
        with pytest.raises(InputError, match=r"reads\.bam: "):
            only_batch(path)
    assert capfd.readouterr() == ("", "")


def test_htslib_prints_nothing_when_another_file_was_closed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_reader, "BATCH_RECORDS", 1)
    record = "\t4\t*\t0\t0\t*\t*\t0\t0\tACGT\tIIII\n"
    good, bad = tmp_path / "good.sam", tmp_path / "bad.sam"
    good.write_text(f"@HD\tVN:1.6\nr{record}s{record}t{record}")
    bad.write_text(f"@HD\tVN:1.6\nr{record}s{record}{'x' * 300}{record}")
    first, second = read_batches(good), read_batches(bad)
    next(first), next(second)
    first.close()
    with pytest.raises(InputError, match=r"bad.sam, line 4: is no whole SAM record"):
        list(second)
    assert capfd.readouterr() == ("", "")


def test_missing_sequences_and_qualities_are_no_error(tmp_path: Path) -> None:
    with_qualities = write(
        tmp_path / "with.bam", segment("a", None, None), segment("b", "AC", "II"),
        segment("c", "ACG", None),
    )  # fmt: skip
    assert only_batch(with_qualities).qualities == ["", "II", '"""']
    without = write(tmp_path / "without.bam", segment("a", "AC", None), segment("b", "AC", "II"))
    assert only_batch(without).qualities is None


@pytest.mark.parametrize(("mode", "n_bytes"), [("wb", 28), ("wc", 38)], ids=["bam", "cram"])
def test_alignments_that_were_cut_are_an_error_and_not_a_shorter_input(
    tmp_path: Path, mode: str, n_bytes: int
) -> None:
    """At a block's end too, where nothing but the missing last block tells it."""
    whole = write(
        tmp_path / "whole", *(segment(f"r{i}", "ACGT", "IIII") for i in range(9)), mode=mode
    )
    cut = tmp_path / "cut"
    for left_out in (n_bytes, n_bytes + 1):
        cut.write_bytes(whole.read_bytes()[:-left_out])
        with pytest.raises(InputError, match="cut: ends without the block that marks its end"):
            only_batch(cut)


@pytest.mark.parametrize("tail", [bytes(512), b"something", b"x"])
@pytest.mark.parametrize(("mode", "suffix"), [("wb", "bam"), ("wc", "cram")])
def test_what_is_behind_alignments_can_be_taken_off_as_the_error_says(
    tmp_path: Path, tail: bytes, mode: str, suffix: str
) -> None:
    whole = write(tmp_path / "whole", segment("r", "ACGT", "IIII"), mode=mode)
    path = tmp_path / "long er"
    path.write_bytes(whole.read_bytes() + tail)
    with pytest.raises(InputError, match="ends at byte") as error:
        only_batch(path)
    command = str(error.value).split("off with '", 1)[1][:-1]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    assert (tmp_path / f"mended.{suffix}").read_bytes() == whole.read_bytes()


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
