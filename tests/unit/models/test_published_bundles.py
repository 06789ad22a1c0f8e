"""VirNucPro's models are put together of published parts; a part that is another is refused."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.unit.models.fake_hub import REVISION, FakeHub, fake_hub
from tests.unit.models.helpers import randomise
from tests.unit.models.hugging_face import write_dnabert_s, write_esm2
from virnucpro_core.models import PUBLISHED_BUNDLES, ClassifierConfig, MlpClassifier, load_bundle

# Fetches "virnucpro-300" of the parts that are served here.
PROGRAM = f"""
import sys
from virnucpro_core.errors import BundleError
from virnucpro_core.models import PublishedBundle, PublishedModel, fetch_bundle

dna, protein = (PublishedModel(f"owner/{{name}}", "{REVISION}") for name in ("dna", "protein"))
published = PublishedBundle("300_model.pth", sys.argv[1], 300, dna, protein)
try:
    print(fetch_bundle("virnucpro-300", published, offline=len(sys.argv) > 2).path)
except BundleError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the hub serves: both encoders, and beside them the classifiers."""
    root = tmp_path_factory.mktemp("hub")
    write_dnabert_s(root / "owner" / "dna")
    write_esm2(root / "owner" / "protein")
    classifier = MlpClassifier(ClassifierConfig(input_width=32, hidden_width=6))
    randomise(classifier, 7)
    (root / "owner" / "classifiers").mkdir()
    torch.save(classifier.state_dict(), root / "owner" / "classifiers" / "300_model.pth")
    return root


@pytest.fixture
def git_blob(root: Path) -> str:
    content = (root / "owner" / "classifiers" / "300_model.pth").read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def fetch(folder: Path, hub: FakeHub, *words: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "HF_HOME": str(folder / "hub"),
        "HF_ENDPOINT": hub.address,
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "VIRNUCPRO_MODELS": str(folder / "models"),
        "VIRNUCPRO_CACHE": str(folder / "cache"),
        "VIRNUCPRO_CLASSIFIERS": f"{hub.address}/owner/classifiers/resolve/{REVISION}",
    }
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_published_bundles_and_their_pins() -> None:
    assert {name: bundle.window_size for name, bundle in PUBLISHED_BUNDLES.items()} == {
        "virnucpro-300": 300,
        "virnucpro-500": 500,
    }
    for bundle in PUBLISHED_BUNDLES.values():
        assert re.fullmatch("[0-9a-f]{40}", bundle.git_blob)
        assert bundle.dna.repository == "zhihan1996/DNABERT-S"
        assert bundle.protein.repository == "facebook/esm2_t36_3B_UR50D"


@pytest.mark.slow
def test_the_parts_become_a_bundle_in_the_users_folder(
    root: Path, tmp_path: Path, git_blob: str
) -> None:
    with fake_hub(root) as hub:
        made = fetch(tmp_path, hub, git_blob)
    assert made.stdout.strip() == str(tmp_path / "models" / "virnucpro-300"), made.stderr
    bundle = load_bundle(tmp_path / "models" / "virnucpro-300")
    bundle.verify()
    assert (bundle.name, bundle.window_size) == ("virnucpro-300", 300)
    assert (bundle.dna.name, bundle.protein.name) == ("DNABERT-S", "esm2_t36_3B_UR50D")
    stored = torch.load(root / "owner" / "classifiers" / "300_model.pth", weights_only=True)
    weight = torch.from_numpy(bundle.load_classifier().weights["hidden.weight"])
    assert torch.equal(weight, stored["hidden.weight"].double())
    # The hub is gone: what is there is taken as it is.
    assert fetch(tmp_path, hub, git_blob).stdout == made.stdout


@pytest.mark.slow
def test_another_classifier_than_was_published_is_refused_before_the_encoders_come(
    root: Path, tmp_path: Path
) -> None:
    with fake_hub(root) as hub:
        made = fetch(tmp_path, hub, "0" * 40)
        assert [name for name, _ in hub.asked] == ["owner/classifiers/300_model.pth"]
    assert made.returncode == 1
    assert "/300_model.pth: arrived as git blob " in made.stderr
    assert "published is 000000000000…; fetch it again" in made.stderr
    assert not list(tmp_path.rglob("*.pth"))


@pytest.mark.slow
def test_a_classifier_that_is_not_there_is_one_line(
    root: Path, tmp_path: Path, git_blob: str
) -> None:
    (tmp_path / "empty").mkdir()
    with fake_hub(tmp_path / "empty") as hub:
        missing = fetch(tmp_path, hub, git_blob)
    assert "/300_model.pth: cannot be fetched (" in missing.stderr
    assert "404" in missing.stderr
    gone = fetch(tmp_path, hub, git_blob)
    assert "/300_model.pth: cannot be fetched (" in gone.stderr
    assert "Connection refused" in gone.stderr
    offline = fetch(tmp_path, hub, git_blob, "offline")
    assert "/300_model.pth: is not in the cache (offline)" in offline.stderr
    for result in (missing, gone, offline):
        assert len(result.stderr.splitlines()) == 1
