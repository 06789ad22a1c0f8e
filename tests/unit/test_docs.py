"""The examples in the documentation run, in order, as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tests.unit.models.hugging_face import esm2_tensors, write_esm2
from virnucpro_core.embedding import Embedder
from virnucpro_core.store import read_embeddings

REPOSITORY = Path(__file__).parents[2]


def python_blocks(page: str) -> list[str]:
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "assets").symlink_to(REPOSITORY / "assets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_of_the_embedding_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    embedding, reading, _ = python_blocks("embedding.md")
    names: dict[str, object] = {}
    exec(embedding, names)
    exec(reading, names)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Embedder('demo-esm2', kind='protein', width=64, n_layers=2")
    assert lines[1:3] == ["['insulin', 'ubiquitin'] (2, 64)", "[(10, 64), (1, 64)]"]
    assert lines[3] == "demo-esm2 ['insulin', 'ubiquitin']"
    assert read_embeddings(folder / "embeddings.h5").ids == ["insulin", "ubiquitin"]


def test_the_conversion_of_a_pickle(folder: Path) -> None:
    path = write_esm2(folder / "esm2_t36_3B_UR50D")
    (path / "model.safetensors").unlink()
    tensors = esm2_tensors()
    for number, names in enumerate((list(tensors)[::2], list(tensors)[1::2]), start=1):
        part = {name: tensors[name] for name in names}
        torch.save(part, path / f"pytorch_model-0000{number}-of-00002.bin")
    exec(python_blocks("embedding.md")[-1], {})
    with safe_open(path / "model.safetensors", framework="pt") as file:
        assert set(file.keys()) == set(tensors)
    # The directory of that name comes before the published name.
    assert Embedder.load("esm2_t36_3B_UR50D").width == 16
