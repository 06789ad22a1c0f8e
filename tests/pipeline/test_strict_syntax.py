"""Every script and configuration must pass the strict parser, the default of later Nextflows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.running import REPOSITORY

PARSER = Path(__file__).with_name("StrictParse.java")


@pytest.fixture(scope="module")
def archives() -> Path:
    """The folder with the parser's archives; where `make setup` has run there is nothing to do."""
    folder = REPOSITORY / ".venv" / "share" / "nf-lang"
    scripts = REPOSITORY / "scripts"
    subprocess.run(
        [sys.executable, scripts / "jars.py", "fetch", scripts / "nf-lang.lock", folder], check=True
    )
    return folder


def parse(archives: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    command = ["java", "-cp", f"{archives}/*", PARSER, *files]
    return subprocess.run(command, capture_output=True, text=True)


def sources() -> list[Path]:
    found = [REPOSITORY / "main.nf", REPOSITORY / "nextflow.config"]
    found += sorted((REPOSITORY / "conf").glob("*.config"))
    found += sorted((REPOSITORY / "modules").glob("*.nf"))
    found += sorted((REPOSITORY / "workflows").glob("*.nf"))
    found += sorted((REPOSITORY / "lib").glob("*.groovy"))
    return found


def test_every_script_and_configuration_is_strict(archives: Path) -> None:
    files = sources()
    assert len(files) >= 15
    done = parse(archives, *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(files)} files, 0 errors" in done.stdout


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("loop.nf", "workflow {\n    for (i in 1..3) { println(i) }\n}\n", "loop.nf:2:"),
        ("name.nf", "workflow {\n    println(nonsense)\n}\n", "`nonsense` is not defined"),
        ("if.config", "if (true) {\n    docker.enabled = true\n}\n", "if.config:1:"),
    ],
)
def test_a_planted_error_is_found(
    archives: Path, tmp_path: Path, name: str, text: str, complaint: str
) -> None:
    (tmp_path / name).write_text(text)
    done = parse(archives, REPOSITORY / "main.nf", tmp_path / name)
    assert done.returncode == 1
    assert complaint in done.stdout
