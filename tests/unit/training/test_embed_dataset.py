from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bundles import make_bundle
from tests.unit.training.embedded import make_dataset, relabel
from virnucpro_core.embedding import EmbedSettings, Precision, resolve_settings
from virnucpro_core.errors import StoppedError
from virnucpro_core.models import load_bundle
from virnucpro_core.store import (
    Checkpoint,
    Part,
    list_checkpoints,
    open_store,
    read_embedding_info,
)
from virnucpro_core.training import Dataset, embed_dataset, read_features


@pytest.fixture(scope="module")
def settings() -> EmbedSettings:
    return resolve_settings("cpu", Precision.FP32, 400)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_dataset(tmp_path_factory.mktemp("dataset") / "data")


def test_a_stopped_run_goes_on_where_it_was_and_leaves_no_checkpoints_of_its_own(
    dataset: Dataset, model: Path, settings: EmbedSettings, tmp_path: Path
) -> None:
    asked = 0

    def is_stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked == 5

    lines: list[str] = []
    with pytest.raises(StoppedError):
        embed_dataset(
            dataset, model, tmp_path / "embeddings", settings, lines.append,
            checkpoint_dir=str(tmp_path / "checkpoints"), part_seconds=0, is_stopped=is_stopped,
        )  # fmt: skip
    store = open_store(str(tmp_path / "checkpoints"))
    work = list_checkpoints(store)[0].work
    assert work is not None
    stranger = replace(work, shard_sha256="0" * 64)
    values = np.zeros((1, work.width), dtype=np.float32)
    Checkpoint(store, stranger).commit(400, Part(np.zeros(1, dtype=np.int64), values))
    dna, protein = embed_dataset(
        dataset, model, tmp_path / "embeddings", settings, lines.append,
        checkpoint_dir=str(tmp_path / "checkpoints"), part_seconds=0,
    )  # fmt: skip
    assert any("frames, 0 of them by an earlier run" in line for line in lines)
    assert any(", 0 of them" not in line and "by an earlier run" in line for line in lines)
    assert [known.work for known in list_checkpoints(store)] == [stranger]
    features = read_features(dataset, dna, protein, load_bundle(model))
    assert sum(len(part.labels) for part in features.values()) == dataset.windows.n_frames.sum()


def test_embeddings_that_are_there_are_kept_and_those_made_in_another_way_made_again(
    dataset: Dataset, model: Path, settings: EmbedSettings, tmp_path: Path
) -> None:
    dna, protein = embed_dataset(dataset, model, tmp_path, settings, lambda _: None)
    before = [path.stat().st_mtime_ns for path in (*dna, *protein)]
    relabel(dna[0], precision="bf16")
    relabel(protein[0], engine="v1")
    protein[1].write_bytes(b"half a file")
    lines: list[str] = []
    embed_dataset(dataset, model, tmp_path, settings, lines.append)
    assert [line.endswith("there already") for line in lines] == [False, True, False, False]
    after = [path.stat().st_mtime_ns for path in (*dna, *protein)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, False, False]
    infos = [read_embedding_info(file) for file in (dna[0], protein[0])]
    assert [(info.precision, info.engine) for info in infos] == [("fp32", "v2")] * 2
    other = make_bundle(tmp_path / "other", seed=4)
    embed_dataset(dataset, other, tmp_path, settings, lines.append)
    read_features(dataset, dna, protein, load_bundle(other))
