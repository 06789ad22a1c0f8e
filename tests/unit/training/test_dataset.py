from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.training.datasets import GENOMES, OVERLAPS, write_small_dataset
from virnucpro_core.errors import StoreError
from virnucpro_core.store import read_shard
from virnucpro_core.training import Dataset


def test_a_dataset_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = write_small_dataset(tmp_path / "data")
    found = Dataset.open(tmp_path / "data")
    assert found.sha256 == written.sha256
    assert (found.name, found.version) == ("small", "1.2.3")
    assert (found.genomes, found.overlaps) == (GENOMES, OVERLAPS)
    assert found.windows.id == ["w0", "w1", "w2"]
    assert found.windows.label.tolist() == [1, 0, 0]
    assert found.windows.start.tolist() == [0, 7, 3_000_000_000]
    assert found.windows.n_frames.tolist() == [1, 2, 0]
    assert found.windows.part("train").tolist() == [1, 2]
    assert found.windows.part("validation").tolist() == []
    assert found.windows.part("test").tolist() == [0]
    assert [read_shard(path).digest() for path in found.shards] == found.shard_digests


@pytest.mark.parametrize("name", ["windows.tsv", "genomes.tsv", "overlap.tsv"])
def test_an_altered_table_is_refused(tmp_path: Path, name: str) -> None:
    write_small_dataset(tmp_path)
    path = tmp_path / name
    path.write_text(path.read_text().replace("phage", "page"))
    with pytest.raises(StoreError, match=rf"{name}: has been altered; make the dataset again"):
        Dataset.open(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "other"}, "is not of a training dataset"),
        ({"schema_version": 2}, "has schema version 2, this program reads 1"),
        ({"shards": 3}, "has no shards"),
    ],
)
def test_another_document_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    write_small_dataset(tmp_path)
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(StoreError, match=message):
        Dataset.open(tmp_path)


def test_a_directory_without_a_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"dataset\.json: cannot be read"):
        Dataset.open(tmp_path)
