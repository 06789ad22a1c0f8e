"""The examples in the documentation run, in order, as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch

from tests.documents import PAGES
from tests.unit.models.hugging_face import esm2_tensors, write_esm2
from virnucpro_core.cli import main
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
    embedding, reading = python_blocks("embedding.md")
    names: dict[str, object] = {}
    exec(embedding, names)
    exec(reading, names)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Embedder('demo-esm2', kind='protein', width=64, n_layers=1")
    assert lines[1:3] == ["['insulin', 'ubiquitin'] (2, 64)", "[(10, 64), (1, 64)]"]
    assert lines[3] == "demo-esm2 ['insulin', 'ubiquitin']"
    assert read_embeddings(folder / "embeddings.h5").ids == ["insulin", "ubiquitin"]


def test_the_conversion_of_a_pickle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_esm2(folder / "esm2")
    (path / "model.safetensors").unlink()
    torch.save({"model": esm2_tensors()}, path / "esm2_t36_3B_UR50D.pt")
    monkeypatch.chdir(path)
    for command in commands("embedding.md", "virnucpro model convert"):
        assert main(command) == 0
    assert Embedder.load(path).width == 16


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each).lower() for each in headings)
    return {re.sub(r"[^\w\- ]", "", each.strip()).replace(" ", "-") for each in plain}


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_every_link_within_the_project_leads_somewhere(page: str) -> None:
    path = REPOSITORY / page
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(there), f"{page}: {target}"


def commands(page: str, start: str) -> list[list[str]]:
    """Arguments of the commands on a page that begin so."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith(start)]
    assert lines
    return [shlex.split(line)[1:] for line in lines]
