"""Parts in a checkpoint: what is used again, and everything that is not."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from virnucpro_core.store import (
    BadPart,
    Checkpoint,
    EmbeddingWork,
    Part,
    list_checkpoints,
    open_store,
    remove_checkpoints,
    verify_checkpoint,
)

BUDGET = 960
WORK = EmbeddingWork(
    label="s 1",
    molecule="protein",
    shard_sha256="a" * 64,
    n_sequences=10,
    model="esm2",
    weights_sha256="b" * 64,
    layer=2,
    pooling="mean",
    engine="v2",
    precision="fp32",
    attention="auto",
    width=3,
    code_sha256="c" * 64,
)


def part(*indices: int) -> Part:
    values = np.arange(len(indices) * 3, dtype=np.float32).reshape(-1, 3) + 0.5
    return Part(np.array(indices, dtype=np.int64), values)


def committed(folder: Path, *parts: Part, work: EmbeddingWork = WORK) -> list[Path]:
    checkpoint = Checkpoint(open_store(folder), work)
    return [folder / checkpoint.commit(BUDGET, part) for part in parts]


def read(folder: Path, work: EmbeddingWork = WORK, budget: int = BUDGET) -> list[Part | BadPart]:
    return list(Checkpoint(open_store(folder), work).read(budget))


def reason(folder: Path) -> str:
    (bad,) = read(folder)
    assert isinstance(bad, BadPart)
    return bad.reason


def test_parts_come_back_as_they_were(tmp_path: Path) -> None:
    committed(tmp_path, part(4, 2), part(0))
    found = sorted(read(tmp_path), key=lambda p: len(p.indices))  # type: ignore[union-attr]
    assert [p.indices.tolist() for p in found] == [[0], [4, 2]]  # type: ignore[union-attr]
    np.testing.assert_array_equal(found[1].values, part(4, 2).values)  # type: ignore[union-attr]


def test_the_same_part_has_the_same_name_and_bytes(tmp_path: Path) -> None:
    (first,) = committed(tmp_path / "a", part(1, 2))
    (second,) = committed(tmp_path / "b", part(1, 2))
    assert first.name == second.name == f"{hashlib.sha256(first.read_bytes()).hexdigest()}.h5"
    assert first.read_bytes() == second.read_bytes()


def test_two_writers_at_once_do_no_harm(tmp_path: Path) -> None:
    committed(tmp_path, part(1, 2), part(3))
    committed(tmp_path, part(1), part(2, 3))
    assert all(isinstance(p, Part) for p in read(tmp_path))
    assert len(read(tmp_path)) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"shard_sha256": "f" * 64},
        {"weights_sha256": "f" * 64},
        {"code_sha256": "f" * 64},
        {"precision": "bf16"},
        {"attention": "sdpa"},
        {"layer": 1},
        {"pooling": "cls"},
        {"molecule": "dna"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_work_finds_nothing_to_use(tmp_path: Path, change: dict[str, str]) -> None:
    committed(tmp_path, part(1))
    assert read(tmp_path, replace(WORK, **change)) == []  # type: ignore[arg-type]


def test_another_token_budget_is_kept_apart(tmp_path: Path) -> None:
    committed(tmp_path, part(1))
    assert read(tmp_path, budget=512) == []
    budgets = Checkpoint(open_store(tmp_path), WORK).token_budgets()
    assert list(budgets) == [BUDGET]
    assert budgets[BUDGET] > 0


def test_a_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    (path,) = committed(tmp_path, part(1, 2, 3))
    whole = path.read_bytes()
    for position in range(0, len(whole), 97):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert "bytes are not those that were written" in reason(tmp_path)


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_shortened_part_is_noticed(tmp_path: Path, length: int) -> None:
    (path,) = committed(tmp_path, part(1, 2, 3))
    path.write_bytes(path.read_bytes()[:length])
    assert "bytes are not those that were written" in reason(tmp_path)


def test_a_part_of_another_checkpoint_is_noticed(tmp_path: Path) -> None:
    (mine,) = committed(tmp_path, part(1))
    (foreign,) = committed(tmp_path, part(2), work=replace(WORK, precision="bf16"))
    mine.unlink()
    (mine.parent / foreign.name).write_bytes(foreign.read_bytes())
    assert "belongs to the checkpoint" in reason(tmp_path)


def rewrite(path: Path, change: object) -> None:
    """Change the content of a part and give it the name that its bytes then ask for."""
    buffer = io.BytesIO(path.read_bytes())
    with h5py.File(buffer, "r+") as file:
        change(file)  # type: ignore[operator]
    data = buffer.getvalue()
    path.unlink()
    (path.parent / f"{hashlib.sha256(data).hexdigest()}.h5").write_bytes(data)


def put(name: str, values: np.ndarray) -> object:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = values

    return change


def attribute(name: str, value: object) -> object:
    return lambda file: file.attrs.__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (attribute("schema_version", 2), "has schema version 2, this program reads 1"),
        (attribute("kind", "virnucpro-scores"), "holds virnucpro-scores"),
        (lambda file: file.attrs.__delitem__("key"), "has no attribute key"),
        (lambda file: file.__delitem__("indices"), "is damaged"),
        (put("indices", np.array([1, 1, 2])), "rows are not those"),
        (put("indices", np.array([1, 2, 10])), "rows are not those"),
        (put("indices", np.array([1, 2, -1])), "rows are not those"),
        (put("indices", np.array([1, 2])), "rows are not those"),
        (put("embeddings", np.zeros((3, 4), np.float32)), "rows are not those"),
        (put("embeddings", np.zeros((3, 3), np.float64)), "rows are not those"),
        (put("embeddings", np.full((3, 3), np.nan, np.float32)), "rows are not those"),
    ],
)
def test_a_part_that_is_whole_but_not_of_this_kind_is_noticed(
    tmp_path: Path, change: object, expected: str
) -> None:
    (path,) = committed(tmp_path, part(1, 2, 3))
    rewrite(path, change)
    assert expected in reason(tmp_path)


def test_a_file_that_is_no_hdf5_is_noticed(tmp_path: Path) -> None:
    (path,) = committed(tmp_path, part(1))
    path.unlink()
    data = b"something else"
    (path.parent / f"{hashlib.sha256(data).hexdigest()}.h5").write_bytes(data)
    assert "not a readable HDF5 file" in reason(tmp_path)


def test_files_that_are_not_parts_are_left_alone(tmp_path: Path) -> None:
    (path,) = committed(tmp_path, part(1))
    (path.parent / "notes.txt").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.h5").write_text("mine")
    assert len(read(tmp_path)) == 1
    assert len(list_checkpoints(open_store(tmp_path))) == 1


def test_the_list_says_what_each_checkpoint_is_of(tmp_path: Path) -> None:
    committed(tmp_path, part(1), part(2))
    committed(tmp_path, part(2), work=replace(WORK, label="s 2"))
    found = {summary.work: summary for summary in list_checkpoints(open_store(tmp_path))}
    assert found[WORK].n_parts == 2
    assert found[WORK].key == WORK.key()
    assert found[replace(WORK, label="s 2")].n_parts == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", None])
def test_a_damaged_manifest_takes_no_part_with_it(tmp_path: Path, content: bytes | None) -> None:
    committed(tmp_path, part(1))
    manifest = tmp_path / WORK.key() / "manifest.json"
    manifest.unlink()
    if content is not None:
        manifest.write_bytes(content)
    (summary,) = list_checkpoints(open_store(tmp_path))
    assert summary.work is None
    assert [bad.name for bad in verify_checkpoint(open_store(tmp_path), summary)] == [
        f"{WORK.key()}/manifest.json"
    ]
    assert len(read(tmp_path)) == 1
    committed(tmp_path, part(2))
    (summary,) = list_checkpoints(open_store(tmp_path))
    assert summary.work == WORK


def test_verifying_finds_exactly_the_bad_parts(tmp_path: Path) -> None:
    paths = committed(tmp_path, part(1), part(2), part(3))
    (summary,) = list_checkpoints(open_store(tmp_path))
    assert list(verify_checkpoint(open_store(tmp_path), summary)) == []
    paths[1].write_bytes(b"x")
    (bad,) = verify_checkpoint(open_store(tmp_path), summary)
    assert bad.name == paths[1].relative_to(tmp_path).as_posix()


def test_removing_takes_one_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    committed(tmp_path, part(1), part(2))
    committed(tmp_path, part(2), work=replace(WORK, label="s 2"))
    store = open_store(tmp_path)
    assert remove_checkpoints(store, [WORK.key(), "../escape", "0" * 64]) == 3
    assert not (tmp_path / WORK.key()).exists()
    assert [summary.work for summary in list_checkpoints(store)] == [replace(WORK, label="s 2")]
