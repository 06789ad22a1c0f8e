"""Fetching published models, from a hub on this machine; the library's own settings count."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.unit.models.fake_hub import REVISION, FakeHub, fake_hub
from tests.unit.models.hugging_face import write_esm2
from virnucpro_core._files import sha256_of_file
from virnucpro_core.models import ESM2_CONFIGS, PUBLISHED_MODELS, find_published

# Fetches each (repository, revision, digest) that it is given; prints a line of JSON for each.
# The library reads its settings when it is imported, so every test has a process of its own.
PROGRAM = """
import json, sys
from virnucpro_core.errors import BundleError
from virnucpro_core.models import PublishedModel, fetch_model

for repository, revision, sha256 in json.loads(sys.argv[1]):
    try:
        model = fetch_model("tiny", PublishedModel(repository, revision, sha256))
        names = sorted(path.name for path in model.path.iterdir())
        print(json.dumps({"name": model.name, "sha256": model.sha256, "files": names}))
    except BundleError as error:
        print(json.dumps({"error": str(error)}))
"""


N_LARGE = 24_000_000


def fetch(cache: Path, *models: tuple[str, str, str | None], **settings: str) -> list[dict]:
    environment = {**os.environ, "HF_HOME": str(cache), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(models)],
        env={**environment, **settings},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    # What is not needed must not come: a pickle beside safetensors, and code.
    folder = write_esm2(root / "owner" / "good")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "modeling.py").write_text("raise SystemExit")
    # The library writes pieces of 10 MB: only of a larger file there is something to go on with.
    large = write_esm2(root / "owner" / "large") / "model.safetensors"
    save_file({**load_file(large), "ballast": torch.zeros(N_LARGE // 4)}, large)
    pickled = write_esm2(root / "owner" / "pickled")
    torch.save(load_file(pickled / "model.safetensors"), pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    (pickled / "modeling.py").write_text("raise SystemExit")
    write_esm2(root / "owner" / "bare").joinpath("model.safetensors").unlink()
    return root


@pytest.fixture
def hub(repositories: Path) -> Iterator[FakeHub]:
    with fake_hub(repositories) as hub:
        yield hub


def digest_of(repositories: Path, name: str, file: str = "model.safetensors") -> str:
    return sha256_of_file(repositories / "owner" / name / file)


def test_published_names_and_their_pins() -> None:
    assert set(PUBLISHED_MODELS) == {*ESM2_CONFIGS, "DNABERT-S"}
    for model in PUBLISHED_MODELS.values():
        assert re.fullmatch("[0-9a-f]{40}", model.revision)
        assert model.sha256 is None or re.fullmatch("[0-9a-f]{64}", model.sha256)


def test_published_names_are_found_as_people_write_them() -> None:
    for name in ("DNABERT-S", "dnabert_s", "dnabert-s"):
        assert find_published(name) == "DNABERT-S"
    assert find_published("esm2_t6_8m_ur50d") == "esm2_t6_8M_UR50D"
    assert find_published("esm2") is None


@pytest.mark.slow
def test_what_a_hub_can_answer(hub: FakeHub, repositories: Path, tmp_path: Path) -> None:
    digest = digest_of(repositories, "good")
    hub.failing["owner/broken"] = 403
    good, other, pickled, bare, absent, no_revision, broken = fetch(
        tmp_path,
        ("owner/good", REVISION, digest),
        ("owner/good", REVISION, "0" * 64),
        ("owner/pickled", REVISION, digest_of(repositories, "pickled", "pytorch_model.bin")),
        ("owner/bare", REVISION, None),
        ("owner/absent", REVISION, None),
        ("owner/good", "f" * 40, None),
        ("owner/broken", REVISION, None),
        HF_ENDPOINT=hub.address,
    )
    assert good["name"] == "tiny"
    assert good["sha256"] == digest
    assert good["files"] == ["config.json", "model.safetensors"]
    assert f"have SHA-256 {digest[:12]}…, published are 000000000000…" in other["error"]
    assert "delete this file" in other["error"]
    assert pickled["files"] == ["config.json", "pytorch_model.bin"]
    assert "owner/bare: has no weights there (.safetensors or .bin)" in bare["error"]
    assert "owner/absent: revision 0123456789ab is not on the hub" in absent["error"]
    assert "revision ffffffffffff is not on the hub" in no_revision["error"]
    assert "owner/broken: cannot be fetched (" in broken["error"]
    assert "403" in broken["error"]

    # What was fetched is taken without asking the hub again; the rest is not there.
    models = [("owner/good", REVISION, digest), ("owner/absent", REVISION, None)]
    again, unreachable = fetch(tmp_path, *models, HF_HUB_OFFLINE="1")
    assert again == good
    assert "owner/absent: is not in the cache, and the hub may not be" in unreachable["error"]
    assert fetch(tmp_path, models[0], HF_ENDPOINT="http://127.0.0.1:9") == [good]


@pytest.mark.slow
def test_no_network(tmp_path: Path) -> None:
    # Nothing listens on the discard port.
    (result,) = fetch(tmp_path, ("owner/good", REVISION, None), HF_ENDPOINT="http://127.0.0.1:9")
    assert "owner/good: is not in the cache, and the hub cannot be reached" in result["error"]


@pytest.mark.slow
def test_a_connection_that_breaks_once_is_taken_up_in_the_same_fetch(
    hub: FakeHub, repositories: Path, tmp_path: Path
) -> None:
    digest = digest_of(repositories, "large")
    hub.cuts["owner/large"] = 1
    (result,) = fetch(tmp_path, ("owner/large", REVISION, digest), HF_ENDPOINT=hub.address)
    assert result["sha256"] == digest
    starts = [start for name, start in hub.asked if name.endswith(".safetensors")]
    assert len(starts) == 2
    assert starts[1] > N_LARGE // 3


@pytest.mark.slow
def test_a_fetch_that_failed_is_taken_up_by_the_next_one(
    hub: FakeHub, repositories: Path, tmp_path: Path
) -> None:
    digest = digest_of(repositories, "large")
    model = ("owner/large", REVISION, digest)
    hub.cuts["owner/large"] = 1000
    (broken,) = fetch(tmp_path, model, HF_ENDPOINT=hub.address)
    assert "owner/large: cannot be fetched (" in broken["error"]
    assert "try again: what has arrived is kept" in broken["error"]
    hub.cuts.clear()
    hub.asked.clear()
    (result,) = fetch(tmp_path, model, HF_ENDPOINT=hub.address)
    assert result["sha256"] == digest
    (start,) = [start for name, start in hub.asked if name.endswith(".safetensors")]
    assert start > N_LARGE // 3


@pytest.mark.slow
def test_bytes_that_were_altered_on_the_way_are_not_kept(
    hub: FakeHub, repositories: Path, tmp_path: Path
) -> None:
    digest = digest_of(repositories, "good")
    model = ("owner/good", REVISION, None)
    hub.altered.add("owner/good")
    (wrong,) = fetch(tmp_path, model, HF_ENDPOINT=hub.address)
    assert "owner/good/model.safetensors: arrived with SHA-256 " in wrong["error"]
    assert f"the hub says {digest[:12]}…; fetch it again" in wrong["error"]
    hub.altered.clear()
    (result,) = fetch(tmp_path, model, HF_ENDPOINT=hub.address)
    assert result["sha256"] == digest


@pytest.mark.slow
def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    hub: FakeHub, mount: Callable[[str], Path]
) -> None:
    folder = mount("size=16k")
    (result,) = fetch(folder, ("owner/good", REVISION, None), HF_ENDPOINT=hub.address)
    assert "owner/good/model.safetensors needs another 0.0" in result["error"]
    assert "are free; free space there, or choose another cache" in result["error"]
    assert hub.asked == []


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_named(
    hub: FakeHub, mount: Callable[[str], Path]
) -> None:
    folder = mount("ro")
    (result,) = fetch(folder, ("owner/good", REVISION, None), HF_ENDPOINT=hub.address)
    assert "cannot be written to the cache: the file system is read-only" in result["error"]
