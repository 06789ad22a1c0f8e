"""Fetching published models, from a hub on this machine; the library's own settings count."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.unit.models.fake_hub import REVISION, fake_hub
from tests.unit.models.hugging_face import esm2_tensors, write_esm2
from virnucpro_core._files import sha256_of_file
from virnucpro_core.models import ESM2_CONFIGS, PUBLISHED_MODELS

# Fetches each (repository, revision, digest) that it is given; prints a line of JSON for each.
PROGRAM = """
import json, sys
from virnucpro_core.errors import BundleError
from virnucpro_core.models import PublishedModel, fetch_model

for repository, revision, sha256 in json.loads(sys.argv[1]):
    try:
        model = fetch_model("tiny", PublishedModel(repository, revision, sha256))
        model.load_encoder()
        names = sorted(path.name for path in model.path.iterdir())
        print(json.dumps({"name": model.name, "sha256": model.sha256, "files": names}))
    except BundleError as error:
        print(json.dumps({"error": str(error)}))
"""


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
    # What is not asked for must not come: code, and a pickle where there are safetensors.
    for name in ("good", "cut"):
        folder = write_esm2(root / "owner" / name)
        (folder / "pytorch_model.bin").write_bytes(b"pickle")
        (folder / "modeling.py").write_text("raise SystemExit")
    pickled = write_esm2(root / "owner" / "pickled")
    (pickled / "model.safetensors").unlink()
    torch.save(esm2_tensors(), pickled / "pytorch_model.bin")
    (pickled / "modeling.py").write_text("raise SystemExit")
    return root


def test_published_names_and_their_pins() -> None:
    assert set(PUBLISHED_MODELS) == {*ESM2_CONFIGS, "DNABERT-S"}
    for model in PUBLISHED_MODELS.values():
        assert re.fullmatch("[0-9a-f]{40}", model.revision)
        assert model.sha256 is None or re.fullmatch("[0-9a-f]{64}", model.sha256)


@pytest.mark.slow
def test_what_a_hub_can_answer(repositories: Path, tmp_path: Path) -> None:
    digest = sha256_of_file(repositories / "owner" / "good" / "model.safetensors")
    with fake_hub(repositories, cut=("owner/cut",)) as address:
        good, other, pickled, absent, no_revision, cut = fetch(
            tmp_path,
            ("owner/good", REVISION, digest),
            ("owner/good", REVISION, "0" * 64),
            ("owner/pickled", REVISION, None),
            ("owner/absent", REVISION, None),
            ("owner/good", "f" * 40, None),
            ("owner/cut", REVISION, None),
            HF_ENDPOINT=address,
        )
    assert good["name"] == "tiny"
    assert good["sha256"] == digest
    assert good["files"] == ["config.json", "model.safetensors"]
    assert f"have SHA-256 {digest[:12]}…, published are 000000000000…" in other["error"]
    assert "delete this file" in other["error"]
    assert pickled["files"] == ["config.json", "pytorch_model.bin"]
    assert "owner/absent: revision 0123456789ab is not on the hub" in absent["error"]
    assert "revision ffffffffffff is not on the hub" in no_revision["error"]
    assert "owner/cut: cannot be fetched" in cut["error"]
    assert "try again" in cut["error"]

    # The hub is gone: what was fetched is still there, the rest is not.
    models = [("owner/good", REVISION, digest), ("owner/absent", REVISION, None)]
    again, unreachable = fetch(tmp_path, *models, HF_ENDPOINT=address, HF_HUB_OFFLINE="1")
    assert again == good
    assert "is not in the cache, and the hub cannot be reached" in unreachable["error"]


@pytest.mark.slow
def test_no_network(tmp_path: Path) -> None:
    # Nothing listens on the discard port.
    (result,) = fetch(tmp_path, ("owner/good", REVISION, None), HF_ENDPOINT="http://127.0.0.1:9")
    assert "owner/good: is not in the cache, and the hub cannot be reached" in result["error"]
