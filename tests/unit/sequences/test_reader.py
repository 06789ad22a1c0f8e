from __future__ import annotations

import bz2
import gzip
import lzma
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import OpenedFiles, read_batches

FASTA = b">a first record\nACGT\nAC\n>b\n\n>c\nacgu"
FASTQ = b"@a first record\nACGTAC\n+\nIIIIII\n@b\n\n+\n\n@c\nacgu\n+\nIIII"
EXPECTED = [("a", "a first record", "ACGTAC"), ("b", "b", ""), ("c", "c", "acgu")]


COMPRESSORS: dict[str, Callable[[bytes, Path], object]] = {
    "": lambda data, path: path.write_bytes(data),
    ".gz": lambda data, path: path.write_bytes(gzip.compress(data)),
    ".bz2": lambda data, path: path.write_bytes(bz2.compress(data)),
    ".xz": lambda data, path: path.write_bytes(lzma.compress(data)),
    ".zst": lambda data, path: path.write_bytes(zstd.compress(data)),
}


def records(path: Path) -> list[tuple[str, str, str]]:
    return [
        record
        for batch in read_batches(path)
        for record in zip(batch.ids, batch.names, batch.sequences, strict=True)
    ]


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("content", [FASTA, FASTQ], ids=["fasta", "fastq"])
def test_both_formats_are_read_from_every_compression(
    tmp_path: Path, content: bytes, suffix: str
) -> None:
    path = tmp_path / f"reads{suffix}"
    COMPRESSORS[suffix](content, path)
    assert records(path) == EXPECTED


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_a_truncated_file_is_an_error_and_not_a_shorter_input(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    COMPRESSORS[suffix](b"".join(b">r%d\n%032x\n" % (i, i * i) for i in range(5_000)), whole)
    cut = tmp_path / f"cut.fa{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cut\.fa.*data end too early"):
        records(cut)


def test_dos_line_ends_and_a_missing_last_one_are_read(tmp_path: Path) -> None:
    path = tmp_path / "reads"
    for content in (FASTA, FASTQ):
        path.write_bytes(content.replace(b"\n", b"\r\n"))
        assert records(path) == EXPECTED


def test_a_byte_order_mark_and_blank_lines_around_the_records_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reads"
    for content in (FASTA, FASTQ):
        path.write_bytes(b"\xef\xbb\xbf" + content)
        assert records(path) == EXPECTED
        for blank in (b"\n", b"\n\n\n\n\n", b"\r\n\r\n", b"\n" * 300_000):
            path.write_bytes(blank + content + blank)
            assert records(path) == EXPECTED
    monkeypatch.setattr("virnucpro_core.sequences._text._BLOCK_BYTES", 1)
    # The lines of an empty record at the end are blank as well.
    path.write_bytes(b"\n" + FASTQ + b"\n@d\n\n+\n\n\n")
    assert records(path) == [*EXPECTED, ("d", "d", "")]


def test_comments_before_the_first_record_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virnucpro_core.sequences._text._BLOCK_BYTES", 1)
    path = tmp_path / "reads"
    path.write_bytes(b"#one #\n\n# two\n" + FASTA)
    assert records(path) == EXPECTED
    path.write_bytes(b"#one\n" + FASTA + b"\n \n #")
    with pytest.raises(InputError, match="line 10: begins with '#'"):
        records(path)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "reads.fasta"
    path.write_bytes(gzip.compress(FASTQ))
    assert records(path) == EXPECTED


@pytest.mark.parametrize("content", [b"", b"\n\n", gzip.compress(b"", mtime=0)])
def test_a_file_without_content_has_no_records(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reads"
    path.write_bytes(content)
    assert records(path) == []


def test_batches_number_their_records_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("virnucpro_core.sequences._reader.BATCH_RECORDS", 3)
    path = tmp_path / "reads"
    path.write_text("".join(f">r{i}\nACGT\n" for i in range(10)))
    batches = list(read_batches(path))
    assert [batch.first for batch in batches] == [0, 3, 6, 9]
    assert [name for batch in batches for name in batch.ids] == [f"r{i}" for i in range(10)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"LOCUS x\n", "neither FASTA, FASTQ, BAM, CRAM nor SAM with its header"),
        (b"BAM\x01....", "ends too early or is damaged"),
        (b"CRAM\x02\x00..", "cannot be decoded: the reference"),
        (b">ok\nAC\n>caf\xe9\nAC\n", "line 3.*outside ASCII"),
        (">caf\u00e9\nAC\n".encode(), "line 1.*outside ASCII"),
        (b"@caf\xe9\nAC\n+\nII\n", "line 1.*outside ASCII"),
        (b">ok\nAC\xe9\n", "line 2.*outside ASCII"),
        (b"@a\nACGT\n+\nII\n", "line 4.*Length of sequence and qualities differ"),
        (b"@a\nACGT\n+\nIIII\nb\nAC\n+\nII\n", "line 5"),
        (b"@a\nACGT\n+\n", "line 4: Premature end"),
        (b"@a\nACGT\n+\nIIII\n@b\nAC\n+\n\n\n", "line 8.*Length of sequence and qualities differ"),
        (b"@a\nACGT\n+\nIIII\n\n@b\nAC\n+\nII\n", "line 5.*start with '@'"),
        (b"\n\n@a\nACGT\n+\nII\n", "line 6.*Length of sequence and qualities differ"),
        (b"@a\n" + b"AC" * 500 + b"\n+\n", r"record was: '@a\\n(AC){20,50}A? \.\.\.; mend this"),
        (b"\xef\xbb\xbf>a\nAC\n>caf\xe9\nAC\n", "line 3.*outside ASCII"),
        (
            b"@a\rACGT\r+\rIIII\r",
            "line 1: ends in CR, as on old Macs, and so do the others; write it anew",
        ),
        (b"@a\nAC\nGT\n+\nII\nII\n", "line 3: .*more than four lines, use 'seqtk seq' first"),
        (b"@a\nACGT\n+\nII\x1fI\n", r"record 1 \(a\): has '\\x1f' as the quality of base 3"),
        (b"@a\nA\n+\nI\n@b\nAC\n+\n I\n", r"record 2 \(b\): has ' ' as the quality of base 1"),
        (b"@a\nACGT\n+\nI\x00II\n", "line 4: has a zero byte"),
        (b"\n\n>a\nACGT\n" + bytes(512), "line 5: has a zero byte"),
        (b">a\nACGT\n#>b\nACGT\n", "line 3: begins with '#'"),
        (b">a\nACGT\n\n  #b\nACGT\n", "line 4: begins with '#'"),
        (b"##fileformat=VCFv4.2\n#CHROM\n", "has comments only, and no record"),
        (b"##fileformat=VCFv4.2\n#CHROM\n1\t2\n", "neither FASTA, FASTQ, BAM, CRAM nor SAM"),
        (b">a\x01b\nACGT\n", r"record 1: has a control character in its id 'a\\x01b'"),
        (">a\nACGT\n".encode("utf-16"), "is text in UTF-16 or UTF-32"),
        (">a\nACGT\n".encode("utf-16-le"), "is text in UTF-16 or UTF-32"),
        (">a\nACGT\n".encode("utf-16-be"), "is text in UTF-16 or UTF-32"),
        ("@a\nACGT\n".encode("utf-32"), "is text in UTF-16 or UTF-32"),
        (bytes(512), "begins with zero bytes"),
        (b"PK\x03\x04....", "is a zip archive; unpack it"),
        (b"7z\xbc\xaf\x27\x1c...", "is a 7z archive"),
        (b"r.fq".ljust(257, b"\0") + b"ustar", "is a tar archive"),
        (gzip.compress(bz2.compress(FASTA), mtime=0), "is compressed twice"),
        (b"\x1f\x9d\x90...", "is compressed with compress, lz4 or lzip"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"NCBI.sra....", "is an SRA archive; write it as FASTQ with 'fasterq-dump'"),
        (b"LOCUS       X  8 bp\n", "is GenBank"),
        (b">\nACGT\n", "record 1: has no name"),
        (b">a\nAC\n>  \nACGT\n", "record 2: has no name"),
    ],
)
def test_a_malformed_file_is_one_line_with_its_place(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "reads"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        records(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_letters_outside_ascii_from_a_named_pipe_are_an_error_and_no_wait(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b">caf\xe9\nAC\n",))
    writer.start()
    with pytest.raises(InputError, match=r"pipe: has characters outside ASCII; rename"):
        records(path)
    writer.join()


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        records(tmp_path / "none.fa")
    with pytest.raises(InputError, match="is a directory"):
        records(tmp_path)


def test_records_that_are_dropped_after_their_file_leave_no_trace(tmp_path: Path) -> None:
    # As a collection of garbage may do it: the file first, then what reads from it.
    (tmp_path / "r.fa").write_bytes(FASTQ)
    opened = OpenedFiles()
    context = opened.open(tmp_path / "r.fa")
    with context:
        for file in opened._open:
            file.close()
    assert opened.n_bytes == 0
