"""Models are found by name, the user's own first, and listed with what is known of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.unit.models.fake_hub import fake_hub
from tests.unit.models.hugging_face import write_esm2
from virnucpro_core.errors import BundleError, UsageError
from virnucpro_core.models import (
    PUBLISHED_BUNDLES,
    PUBLISHED_MODELS,
    Bundle,
    bundle_folders,
    list_models,
    open_bundle,
    open_model,
)

# Its digest is not known, so that a model of the tests can take its place.
STAND_IN = "esm2_t12_35M_UR50D"
PROGRAM = "import sys; from virnucpro_core.cli import main; sys.exit(main())"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with the bundle "mine"."""
    monkeypatch.setenv("VIRNUCPRO_MODELS", str(tmp_path / "library"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "library").mkdir()
    make_bundle(tmp_path / "library" / "mine")
    return tmp_path / "library"


def test_where_bundles_with_a_name_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRNUCPRO_MODELS", "/own")
    assert bundle_folders()[0] == Path("/own")
    monkeypatch.delenv("VIRNUCPRO_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert bundle_folders()[0] == Path("/data/virnucpro/models")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/x")
    assert bundle_folders()[0] == Path("/home/x/.local/share/virnucpro/models")
    assert (bundle_folders()[1] / "demo" / "bundle.json").is_file()


def test_a_folder_comes_before_a_name_and_the_users_bundles_before_the_projects(
    library: Path, tmp_path: Path
) -> None:
    assert open_bundle("demo").name == "demo"
    assert open_bundle("mine").path == library / "mine"
    make_bundle(library / "demo", seed=2)
    assert open_bundle("demo").name == "random-2"
    make_bundle(tmp_path / "demo", seed=3)
    assert open_bundle("demo").name == "random-3"
    (library / STAND_IN).mkdir()  # without bundle.json it is no bundle
    with pytest.raises(BundleError, match="is not in the cache"):
        open_model(STAND_IN, offline=True)


def test_a_folder_that_cannot_be_looked_into_has_no_bundles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Such a name is refused to whoever asks, as what lies in a closed folder is to a user.
    monkeypatch.setenv("VIRNUCPRO_MODELS", str(tmp_path / ("x" * 300)))
    monkeypatch.chdir(tmp_path)
    assert "demo" in [model.name for model in list_models()]
    assert open_bundle("demo").name == "demo"


@pytest.mark.parametrize("name", ["absent", "library/absent", ".mine"])
def test_a_name_that_is_none_is_answered_with_those_that_are(library: Path, name: str) -> None:
    with pytest.raises(BundleError) as caught:
        open_bundle(name)
    assert str(caught.value).startswith(f"{name}: there is no such model; give a directory")
    assert "mine, demo, esm2_t6_8M_UR50D" in str(caught.value)


def test_an_empty_name_is_not_the_current_directory(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library / "mine")
    assert open_bundle(".").name == "random-0"
    with pytest.raises(UsageError, match="the model has an empty name; give a directory"):
        open_bundle("")


def test_a_published_bundle_says_how_it_is_fetched(library: Path) -> None:
    with pytest.raises(BundleError, match="is not fetched; fetch it: virnucpro model fetch"):
        open_model("virnucpro-300")


def test_an_encoder_is_no_bundle(tmp_path: Path) -> None:
    path = write_esm2(tmp_path / "esm2")
    with pytest.raises(BundleError, match="is an encoder without a classifier"):
        open_bundle(path)


def test_everything_with_a_name_is_listed_once(library: Path) -> None:
    make_bundle(library / "demo", seed=2)
    (library / "torn").mkdir()
    (library / "torn" / "bundle.json").write_text("{")
    found = {model.name: model for model in list_models()}
    assert list(found) == [
        *("demo", "mine", "torn"),
        *PUBLISHED_BUNDLES,
        *PUBLISHED_MODELS,
    ]
    assert found["mine"].licence == "MIT"
    assert found["mine"].state == str(library / "mine")
    files = (library / "mine").iterdir()
    assert found["mine"].n_bytes == sum(file.stat().st_size for file in files)
    assert found["torn"].state.startswith("cannot be used: ")
    # Lin et al. 2023 give 650 million parameters, of four bytes each.
    assert found["esm2_t33_650M_UR50D"].n_bytes == pytest.approx(4 * 650e6, rel=0.01)


def virnucpro(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own: the hub's library reads its settings once."""
    environment = {**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", **settings}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.slow
def test_a_published_encoder_is_fetched_listed_shown_and_verified(
    library: Path, tmp_path: Path
) -> None:
    write_esm2(tmp_path / "hub" / "facebook" / STAND_IN)
    settings = {"HF_HOME": str(tmp_path / "cache")}
    refused = virnucpro("model", "fetch", STAND_IN, "--offline", **settings)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"virnucpro: error: facebook/{STAND_IN}: is not in the cache")
    with fake_hub(tmp_path / "hub") as hub:
        fetched = virnucpro("model", "fetch", STAND_IN.lower(), **settings, HF_ENDPOINT=hub.address)
    assert fetched.returncode == 0, fetched.stderr
    folder = Path(fetched.stdout.strip())
    assert (folder / "model.safetensors").is_file()
    assert virnucpro("model", "fetch", STAND_IN, "--offline", **settings).stdout == fetched.stdout
    (line,) = [
        line
        for line in virnucpro("model", "list", **settings).stdout.splitlines()
        if line.startswith(STAND_IN)
    ]
    assert line.endswith(str(folder))
    shown = json.loads(virnucpro("model", "show", STAND_IN, **settings).stdout)
    assert (shown["name"], shown["config"]["width"]) == (STAND_IN, 16)
    verified = virnucpro("model", "verify", STAND_IN, **settings)
    assert verified.stdout == f"{STAND_IN}: all tensors are there, SHA-256 {shown['sha256']}\n"


@pytest.mark.slow
def test_another_cache_can_be_named(library: Path, tmp_path: Path) -> None:
    write_esm2(tmp_path / "hub" / "facebook" / STAND_IN)
    with fake_hub(tmp_path / "hub") as hub:
        words = ("model", "fetch", STAND_IN, "--cache-dir", str(tmp_path / "there"))
        fetched = virnucpro(*words, HF_ENDPOINT=hub.address)
    assert Path(fetched.stdout.strip()).is_relative_to(tmp_path / "there"), fetched.stderr


def test_a_folder_without_a_model_does_not_hide_one_of_its_name(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cwd" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "cwd")
    found = open_model("mine")
    assert isinstance(found, Bundle)
    assert found.path == library / "mine"
    shutil.copytree(library / "mine", "mine", dirs_exist_ok=True)
    found = open_model("mine")
    assert isinstance(found, Bundle)
    assert found.path == Path("mine")


def test_the_bundles_commands(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from virnucpro_core.cli import main

    assert main(["model", "verify", "mine"]) == 0
    assert capsys.readouterr().out == "random-0: 4 files are as bundle.json says\n"
    assert main(["model", "show", "mine"]) == 0
    bundle = open_model("mine")
    assert isinstance(bundle, Bundle)
    assert json.loads(capsys.readouterr().out)["sha256"] == bundle.sha256
    with (library / "mine" / "classifier.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    assert main(["model", "verify", "mine"]) == 2
    assert "classifier.safetensors: has SHA-256 " in capsys.readouterr().err
    assert main(["model", "fetch", "mine"]) == 2
    assert "no published model 'mine'; use one of virnucpro-300, " in capsys.readouterr().err
