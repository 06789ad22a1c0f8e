from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.bundles import CALIBRATION
from virnucpro_core.calling import Calibration
from virnucpro_core.errors import StoreError
from virnucpro_core.store import (
    ByteStrings,
    EmbeddingInfo,
    Embeddings,
    FrameScores,
    FrameShard,
    RecordRows,
    RecordTable,
    create_record_table,
    read_embeddings,
    read_score_labels,
    read_scores,
    read_shard,
    write_embeddings,
    write_scores,
    write_shard,
)


def make_shard() -> FrameShard:
    return FrameShard(
        sample="s",
        index=1,
        window_size=500,
        record_index=np.array([3, 9]),
        record_ids=ByteStrings.from_iterable([b"a", b"read/9"]),
        record_row=np.array([0, 0, 1], dtype=np.int32),
        chunk=np.array([1, 2, 1], dtype=np.int32),
        chunk_length=np.array([500, 251, 90], dtype=np.int32),
        frame=np.array([0, 5, 3], dtype=np.uint8),
        nucleotides=ByteStrings.from_iterable([b"ATGA", b"CCCCCC", b"GGGT"]),
        proteins=ByteStrings.from_iterable([b"M", b"PP", b"G"]),
    )


def test_a_shard_comes_back_as_it_was_written(tmp_path: Path) -> None:
    shard = make_shard()
    write_shard(shard, tmp_path / "x.h5")
    again = read_shard(tmp_path / "x.h5")
    assert again.digest() == shard.digest()
    assert again.frame_ids() == ["a_chunk_1F1", "a_chunk_2R3", "read/9_chunk_1R1"]
    assert list(again.nucleotides) == [b"ATGA", b"CCCCCC", b"GGGT"]
    assert list(again.proteins) == [b"M", b"PP", b"G"]


def test_every_column_of_a_shard_counts_for_its_digest() -> None:
    shard = make_shard()
    changed = [
        replace(shard, window_size=300),
        replace(shard, record_index=np.array([3, 8])),
        replace(shard, record_ids=ByteStrings.from_iterable([b"ar", b"ead/9"])),
        replace(shard, record_row=np.array([0, 1, 1], dtype=np.int32)),
        replace(shard, chunk=np.array([1, 2, 2], dtype=np.int32)),
        replace(shard, chunk_length=np.array([500, 251, 91], dtype=np.int32)),
        replace(shard, frame=np.array([0, 5, 4], dtype=np.uint8)),
        replace(shard, nucleotides=ByteStrings.from_iterable([b"ATG", b"ACCCCCC", b"GGGT"])),
        replace(shard, proteins=ByteStrings.from_iterable([b"M", b"PP", b"A"])),
        partial(shard),
        replace(partial(shard), first_codon=np.zeros(3, dtype=np.int32)),
    ]
    assert len({s.digest() for s in [shard, *changed]}) == len(changed) + 1


def partial(shard: FrameShard) -> FrameShard:
    """The same with one partial frame."""
    places = np.array([0, 1, 0], dtype=np.int32)
    proteins = ByteStrings.from_iterable([b"M", b"P", b"G"])
    return replace(shard, frame_rule="longest", first_codon=places, proteins=proteins)


def test_a_shard_of_partial_frames_knows_their_places(tmp_path: Path) -> None:
    shard = partial(make_shard())
    write_shard(shard, tmp_path / "x.h5")
    again = read_shard(tmp_path / "x.h5")
    assert (again.frame_rule, again.digest()) == ("longest", shard.digest())
    assert again.first_codon is not None
    assert again.first_codon.tolist() == [0, 1, 0]
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file["frames/first_codon"][1] = 0
    with pytest.raises(StoreError, match="does not hold what was written"):
        read_shard(tmp_path / "x.h5")


def test_a_shard_without_places_has_complete_frames_only() -> None:
    with pytest.raises(ValueError, match="partial frames"):
        replace(make_shard(), frame_rule="longest")
    with pytest.raises(ValueError, match="partial frames"):
        replace(make_shard(), first_codon=np.zeros(3, dtype=np.int32))


def test_shards_of_complete_frames_are_as_before_there_were_others(tmp_path: Path) -> None:
    shard = make_shard()
    assert shard.digest() == "99683e7c06f911bf92fa70c697b39d19fa9417c9c064632693ea3ae19661f603"
    write_shard(shard, tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:
        assert set(file.attrs) == {
            "kind", "schema_version", "sample", "index", "window_size", "sha256"
        }  # fmt: skip
        assert "frames/first_codon" not in file


def test_a_frame_rule_that_is_none_is_refused(tmp_path: Path) -> None:
    write_shard(partial(make_shard()), tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file.attrs["frame_rule"] = "shortest"
    with pytest.raises(StoreError, match=r"x\.h5: the frame rule is 'shortest'; make it again"):
        read_shard(tmp_path / "x.h5")


def test_scores_from_before_there_were_partial_frames_are_of_complete_ones(tmp_path: Path) -> None:
    scores = FrameScores(
        "s", 1, "c" * 64,
        record_index=np.array([0, 0]),
        chunk=np.array([1, 1], dtype=np.int32),
        chunk_length=np.array([301, 301], dtype=np.int32),
        frame=np.array([0, 5], dtype=np.uint8),
        n_free=np.array([100, 99], dtype=np.int32),
        scores=np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32),
        set_aside=np.zeros(2, dtype=np.uint8),
    )  # fmt: skip
    write_scores(scores, tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        del file["n_free"], file.attrs["frame_rule"], file.attrs["trained_rule"]
    again = read_scores(tmp_path / "s.h5")
    assert (again.frame_rule, again.trained_rule) == ("complete", "complete")
    assert again.n_free.tolist() == [100, 99]
    assert not again.is_partial.any()


def test_a_shard_whose_content_was_changed_is_refused(tmp_path: Path) -> None:
    write_shard(make_shard(), tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file["frames/proteins"][0] = ord("K")
    with pytest.raises(StoreError, match=r"x\.h5: does not hold what was written"):
        read_shard(tmp_path / "x.h5")


def test_a_truncated_a_missing_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with pytest.raises(StoreError, match=r"x\.h5: does not exist; check the path$"):
        read_shard(path)
    write_shard(make_shard(), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match=r"x\.h5"):
        read_shard(path)
    write_shard(make_shard(), path)
    with pytest.raises(StoreError, match="virnucpro-shard, not a virnucpro-scores; name a file"):
        read_scores(path)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(StoreError, match="schema version 99"):
        read_shard(path)
    write_shard(make_shard(), path)
    with h5py.File(path, "r+") as file:
        del file["frames/chunk"]
    with pytest.raises(StoreError, match="is damaged"):
        read_shard(path)


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.h5"
    write_shard(make_shard(), path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.File, "create_dataset", full)
    with pytest.raises(StoreError, match="No space left"):
        write_shard(replace(make_shard(), index=2), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.h5"]


def test_a_record_table_is_written_and_read_in_blocks(tmp_path: Path) -> None:
    names = [f"read{i}".encode() * (1 + i % 3) for i in range(100)]
    with create_record_table(tmp_path / "r.h5", sample="s", window_size=300) as table:
        for start in range(0, 100, 30):
            some = range(start, min(start + 30, 100))
            table.append(
                RecordRows(
                    ByteStrings.from_iterable(names[i] for i in some),
                    np.array([10 * i for i in some]),
                    np.array([i % 4 for i in some], dtype=np.int32),
                    np.array([i % 3 for i in some], dtype=np.int32),
                    np.array([i % 5 for i in some], dtype=np.int32),
                    np.array([i % 7 for i in some], dtype=np.int32),
                )
            )
    table = RecordTable.open(tmp_path / "r.h5")
    assert (table.sample, table.n_records, table.window_size) == ("s", 100, 300)
    assert table.lengths().tolist() == list(range(0, 1000, 10))
    blocks = list(table.blocks(rows_per_block=7))
    assert [name for block in blocks for name in block.ids] == names
    assert np.concatenate([block.length for block in blocks]).tolist() == list(range(0, 1000, 10))
    rows = table.rows(42, 45)
    assert list(rows.ids) == names[42:45]
    assert rows.n_frames.tolist() == [42 % 7, 43 % 7, 44 % 7]
    assert rows.n_uninformative.tolist() == [i % 3 + i % 5 for i in (42, 43, 44)]


@pytest.mark.parametrize("n", [0, 3])
def test_embeddings_come_back_with_what_made_them(tmp_path: Path, n: int) -> None:
    info = EmbeddingInfo("esm2", 6, "mean", "bf16", "a" * 64, "b" * 64)
    values = np.arange(n * 5, dtype=np.float32).reshape(n, 5)
    write_embeddings(Embeddings([f"r{i}é" for i in range(n)], values, info), tmp_path / "e.h5")
    again = read_embeddings(tmp_path / "e.h5")
    assert again.info == info
    assert again.ids == [f"r{i}é" for i in range(n)]
    assert np.array_equal(again.values, values)
    assert again.values.dtype == np.float32


@pytest.mark.parametrize("calibration", [None, Calibration.parse(CALIBRATION, "bundle.json")])
def test_scores_come_back_as_they_were_written(
    tmp_path: Path, calibration: Calibration | None
) -> None:
    scores = FrameScores(
        "s", 2, "c" * 64,
        record_index=np.array([5, 5]),
        chunk=np.array([1, 2], dtype=np.int32),
        chunk_length=np.array([500, 300], dtype=np.int32),
        frame=np.array([0, 4], dtype=np.uint8),
        n_free=np.array([166, 40], dtype=np.int32),
        scores=np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32),
        set_aside=np.zeros(2, dtype=np.uint8),
        calibration=calibration,
        frame_rule="longest",
        trained_rule="complete",
    )  # fmt: skip
    write_scores(scores, tmp_path / "s.h5")
    again = read_scores(tmp_path / "s.h5")
    assert (again.sample, again.shard, again.bundle_sha256) == ("s", 2, "c" * 64)
    assert again.calibration == calibration
    labels = read_score_labels(tmp_path / "s.h5")
    assert labels.calibration == calibration
    assert (labels.frame_rule, labels.trained_rule) == ("longest", "complete")
    assert again.is_partial.tolist() == [False, True]
    for name in ("record_index", "chunk", "chunk_length", "frame", "n_free", "scores"):
        assert np.array_equal(getattr(again, name), getattr(scores, name))
