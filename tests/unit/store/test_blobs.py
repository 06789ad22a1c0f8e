"""What every checkpoint store does, on a disk and on S3."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from virnucpro_core.errors import UsageError
from virnucpro_core.store import BlobStore, open_store, remove_stale_temporaries

# Puts a blob of one letter under a name, again and again.
WRITER = """
import sys
from virnucpro_core.store import open_store

location, name, letter, size, times = sys.argv[1:]
store = open_store(location)
for _ in range(int(times)):
    store.put(name, letter.encode() * int(size))
"""


def names(store: BlobStore, prefix: str = "") -> list[str]:
    return [blob.name for blob in store.list(prefix)]


def test_bytes_come_back_as_they_were_put(store: BlobStore) -> None:
    for size in (0, 1, 3_000_000):
        data = os.urandom(size)
        store.put(f"key/{size}.h5", data)
        assert store.get(f"key/{size}.h5") == data


def test_a_range_is_those_bytes_of_the_blob(store: BlobStore) -> None:
    data = os.urandom(1000)
    store.put("key/part.h5", data)
    assert store.get_range("key/part.h5", 0, 1000) == data
    assert store.get_range("key/part.h5", 10, 1) == data[10:11]
    assert store.get_range("key/part.h5", 900, 100) == data[900:]
    assert store.get_range("key/other.h5", 0, 1) is None


def test_opening_makes_nothing(location: str) -> None:
    store = open_store(location)
    assert store.location == location
    assert store.get("a/b") is None
    assert store.list() == []
    store.delete(["a/b"])
    assert not Path(location).exists()


def test_a_blob_is_replaced(store: BlobStore) -> None:
    store.put("a/b", b"a long first version")
    store.put("a/b", b"second")
    assert store.get("a/b") == b"second"
    assert [(blob.name, blob.size) for blob in store.list()] == [("a/b", 6)]


def test_a_name_that_only_begins_like_a_blob_is_not_one(store: BlobStore) -> None:
    store.put("key/part.h5", b"x")
    assert store.get("key") is None
    assert store.get("key/part") is None
    assert store.get("key/part.h5/more") is None
    store.delete(["key", "key/part.h5/more"])
    assert names(store) == ["key/part.h5"]


def test_blobs_are_listed_in_order_with_size_and_time(store: BlobStore) -> None:
    written = {"b/2": b"22", "a": b"1", "b/10/x": b"", "b/1": b"4444", "ba": b"5", "é b/ü": b"66"}
    before = time.time()
    for name, data in written.items():
        store.put(name, data)
    found = store.list()
    assert [(blob.name, blob.size) for blob in found] == [
        (name, len(written[name])) for name in sorted(written)
    ]
    # Clocks of storage may be coarse.
    assert all(before - 2 <= blob.modified <= time.time() + 2 for blob in found)


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        ("b/", ["b/1", "b/10/x", "b/2"]),
        ("b/1", ["b/1", "b/10/x"]),
        ("b", ["b/1", "b/10/x", "b/2", "ba"]),
        ("b/1/", []),
        ("c", []),
        ("a/b/c/", []),
    ],
)
def test_a_prefix_is_the_beginning_of_a_name(
    store: BlobStore, beginning: str, expected: list[str]
) -> None:
    for name in ("a", "b/1", "b/2", "b/10/x", "ba"):
        store.put(name, b"")
    assert names(store, beginning) == expected


def test_deleted_blobs_are_gone_and_missing_ones_are_no_error(store: BlobStore) -> None:
    for name in ("a/b/1", "a/b/2", "a/c/d/3"):
        store.put(name, b"x")
    store.delete(name for name in ("a/b/1", "a/b/none", "nothing/here", "a/c/d/3"))
    assert names(store) == ["a/b/2"]
    assert store.get("a/b/1") is None
    store.delete([])
    store.delete(["a/b/2", "a/b/2"])
    assert names(store) == []


@pytest.mark.slow
def test_more_blobs_than_one_answer_of_s3_names(store: BlobStore) -> None:
    all_names = [f"key/{i:05}" for i in range(1005)]
    for name in all_names:
        store.put(name, b"")
    assert names(store, "key/") == all_names
    store.delete(all_names)
    assert names(store) == []


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".hidden", "a/.b.tmp"]
)
def test_a_name_that_could_leave_the_store_or_hide_in_it_is_refused(
    store: BlobStore, name: str
) -> None:
    with pytest.raises(ValueError, match="not the name of a blob"):
        store.put(name, b"x")
    with pytest.raises(ValueError, match="not the name of a blob"):
        store.get(name)
    with pytest.raises(ValueError, match="not the name of a blob"):
        store.delete([name])


@pytest.mark.parametrize("beginning", ["/", "../", "a/../", "a//"])
def test_a_prefix_that_could_leave_the_store_is_refused(store: BlobStore, beginning: str) -> None:
    with pytest.raises(ValueError, match="not the name of a blob"):
        store.list(beginning)


def test_two_processes_that_write_one_name_never_show_a_mixture(location: str) -> None:
    size, times = 400_000, 25
    store = open_store(location)
    store.put("key/part", b"0" * size)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, location, "key/part", letter, str(size), str(times)]
        )
        for letter in "ab"
    ]
    while any(writer.poll() is None for writer in writers):
        data = store.get("key/part")
        assert data is not None
        assert len(data) == size
        assert data == data[:1] * size
        assert set(names(store)) <= {"key/part"}
    assert [writer.returncode for writer in writers] == [0, 0]
    assert store.get("key/part") in (b"a" * size, b"b" * size)


def test_only_what_killed_writers_of_a_directory_leave_is_stale(store: BlobStore) -> None:
    store.put("a/b", b"x")
    assert remove_stale_temporaries(store, older_than=-60) == 0
    assert store.get("a/b") == b"x"


@pytest.mark.parametrize("url", ["gs://bucket/x", "az://container/x", "https://host/x"])
@pytest.mark.parametrize("kind", [str, Path])
def test_another_scheme_is_refused_with_what_exists(url: str, kind: type[str] | type[Path]) -> None:
    with pytest.raises(UsageError, match=r"give a directory, or s3://<bucket>/<prefix>"):
        open_store(kind(url))


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://no bucket/x"])
def test_a_url_without_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a bucket; write s3://"):
        open_store(url)


def test_no_location_is_refused() -> None:
    with pytest.raises(UsageError, match="give a directory or s3://"):
        open_store("")


def test_s3_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules, "virnucpro_core.store._s3_store", raising=False)
    with pytest.raises(UsageError, match=r"needs the package s3fs .*; run 'pip install s3fs'"):
        open_store("s3://bucket/prefix")


def test_the_package_behind_s3_is_not_loaded_for_a_directory(tmp_path: Path) -> None:
    program = (
        "import sys; from virnucpro_core.store import open_store; "
        "open_store(sys.argv[1]).put('a', b''); sys.exit('botocore' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert done.returncode == 0
