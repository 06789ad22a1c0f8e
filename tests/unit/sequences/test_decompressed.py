from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from backports import zstd

from tests.fuzz.containers import BGZF_END, bgzf_block
from virnucpro_core.errors import InputError
from virnucpro_core.sequences import OpenedFiles, _decompressed, open_decompressed, read_batches

TEXT = b"".join(b">r%d\n%040x\n" % (number, number**9) for number in range(2_000))
SPLIT = TEXT.index(b">r900\n")
Compress = Callable[[bytes], bytes]
COMPRESSIONS: dict[str, Compress] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    # The tool writes a checksum; the library does not unless it is asked to.
    "zst": partial(zstd.compress, options={zstd.CompressionParameter.checksum_flag: 1}),
}


@pytest.fixture(params=COMPRESSIONS)
def compress(request: pytest.FixtureRequest) -> Compress:
    return COMPRESSIONS[request.param]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a file"


def content(path: Path) -> bytes:
    with open_decompressed(path) as file:
        return file.read()


@pytest.mark.parametrize("n_zeros", [0, 1, 512, 300_000])
@pytest.mark.parametrize("block_bytes", [1, 1 << 17])
def test_members_are_read_as_one_whatever_padding_is_between_and_behind_them(
    path: Path,
    compress: Compress,
    n_zeros: int,
    block_bytes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if block_bytes == 1 and n_zeros > 1_000:
        n_zeros = 2
    monkeypatch.setattr(_decompressed, "_BLOCK_BYTES", block_bytes)
    members = (compress(TEXT[:SPLIT]), compress(b""), compress(TEXT[SPLIT:]))
    path.write_bytes(b"".join(member + bytes(n_zeros) for member in members))
    assert content(path) == TEXT


def test_gzip_is_read_where_isal_is_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gzip_, *others = _decompressed._COMPRESSIONS
    plain = replace(gzip_, member=_decompressed._ZlibMember)
    monkeypatch.setattr(_decompressed, "_COMPRESSIONS", (plain, *others))
    whole = gzip.compress(TEXT[:SPLIT]) + bytes(9) + gzip.compress(TEXT[SPLIT:])
    path.write_bytes(whole)
    assert content(path) == TEXT
    path.write_bytes(whole[:-1])
    with pytest.raises(InputError, match="data end too early"):
        content(path)


def test_zstd_with_a_large_window_and_with_skippable_frames_is_read(path: Path) -> None:
    options = {zstd.CompressionParameter.window_log: 30}
    skippable = b"\x5e\x2a\x4d\x18\x03\0\0\0abc"
    packed = io.BytesIO()
    with zstd.open(packed, "wb", options=options) as file:
        file.write(TEXT)
    path.write_bytes(skippable + packed.getvalue() + skippable)
    assert content(path) == TEXT


@pytest.mark.parametrize("tail", [b"x", b"some text", b"\x1f", b"\0\0@r\n", b"BZ"])
def test_what_is_behind_the_data_can_be_taken_off_as_the_error_says(
    path: Path, compress: Compress, tail: bytes
) -> None:
    path.write_bytes(compress(TEXT) + tail)
    with pytest.raises(InputError, match=r"data end at byte \d+, and what is behind") as error:
        content(path)
    command = str(error.value).split("off with '", 1)[1].removesuffix("'")
    subprocess.run(command, shell=True, check=True, cwd=path.parent)
    (mended,) = path.parent.glob("mended.*")
    assert content(mended) == TEXT


@pytest.mark.parametrize("n_whole", [0, 1])
def test_data_that_were_cut_or_damaged_are_an_error_in_every_member(
    path: Path, compress: Compress, n_whole: int
) -> None:
    before, last = compress(TEXT[:SPLIT]) * n_whole, compress(TEXT)
    for cut in (1, len(last) // 2, len(last) - 8):
        path.write_bytes(before + last[:-cut])
        with pytest.raises(InputError, match="data end too early"):
            content(path)
    damaged = bytearray(last)
    damaged[len(last) // 2] ^= 255
    path.write_bytes(before + damaged)
    with pytest.raises(InputError, match=r"data are damaged|data end too early"):
        content(path)


@pytest.mark.parametrize("end", [b"", BGZF_END, BGZF_END + bytes(512)])
def test_a_bgzf_file_without_its_last_block_is_read_with_a_warning(path: Path, end: bytes) -> None:
    """It may have been cut where two blocks meet; there are programs that never write it, too."""
    path.write_bytes(bgzf_block(b">a\nACGT\n") + bgzf_block(b">b\nACGT\n") + end)
    opened = OpenedFiles()
    (batch,) = read_batches(path, opened)
    assert batch.ids == ["a", "b"]
    if end:
        assert opened.warnings == []
    else:
        (warning,) = opened.warnings
        assert warning.startswith("the end-of-file block of a file is missing")


def test_other_gzip_files_and_empty_ones_have_no_such_block_to_miss(path: Path) -> None:
    for data, n_batches in ((gzip.compress(b">a\nACGT\n"), 1), (gzip.compress(b""), 0), (b"", 0)):
        path.write_bytes(data)
        opened = OpenedFiles()
        assert len(list(read_batches(path, opened))) == n_batches
        assert opened.warnings == []


def test_members_of_a_few_bytes_do_not_hide_the_format(path: Path, compress: Compress) -> None:
    text = b"\xef\xbb\xbf@HD\tVN:1.6\nr\t4\t*\t0\t0\t*\t*\t0\t0\tACGTT\tABCDE\n"
    path.write_bytes(b"".join(compress(text[at : at + 2]) for at in range(0, len(text), 2)))
    (batch,) = read_batches(path)
    assert batch.ids == ["r"]
