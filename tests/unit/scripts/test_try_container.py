"""The container's recipe takes what it needs from the repository, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "containers" / "Dockerfile"
VERSION = version("virnucpro-core")


@pytest.fixture(scope="module")
def script(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("try_container")


def test_a_build_sees_the_package_and_the_demo_model_only(script: ModuleType) -> None:
    sent = {str(path) for path in script.sent_files(ROOT / ".dockerignore")}
    assert {"constraints.txt", "pyproject.toml", "virnucpro_core/cli/_main.py"} <= sent
    assert "assets/models/demo/bundle.json" in sent
    tops = {path.split("/")[0] for path in sent}
    assert tops <= {
        "LICENSE",
        "README.md",
        "assets",
        "constraints.txt",
        "pyproject.toml",
        "virnucpro_core",
    }
    assert not [path for path in sent if path.startswith("assets/demo/")]


def test_everything_that_is_copied_is_there(script: ModuleType, tmp_path: Path) -> None:
    sent = script.sent_files(ROOT / ".dockerignore")
    for name, arguments in script.instructions(DOCKERFILE):
        if name == "COPY":
            script.copy(arguments, sent, tmp_path)
    assert (tmp_path / "virnucpro_core" / "__init__.py").is_file()
    assert (tmp_path / "models" / "demo" / "classifier.safetensors").is_file()
    # What setuptools reads to build the package.
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        assert (tmp_path / name).is_file()


def test_a_missing_source_is_named(script: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="error: COPY bin: "):
        script.copy("bin bin", script.sent_files(ROOT / ".dockerignore"), tmp_path)


def test_the_image_is_labelled_with_the_version_of_the_package() -> None:
    text = DOCKERFILE.read_text()
    labelled = re.findall(r'image\.version="([^"]+)"', text)
    assert labelled == [VERSION]
    assert set(re.findall(r"-t virnucpro:([\d.]+)", text)) == {VERSION}


def test_tasks_do_not_run_as_root(script: ModuleType) -> None:
    users = [x for name, x in script.instructions(DOCKERFILE) if name == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    # Nextflow starts its own shell: an entry point would swallow it.
    assert "ENTRYPOINT" not in [name for name, _ in script.instructions(DOCKERFILE)]
