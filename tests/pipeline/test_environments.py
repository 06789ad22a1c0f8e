"""A run in the environment of a user who has much that is not meant for it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.bundles import make_bundle
from tests.pipeline.running import READS, run_pipeline

pytestmark = [pytest.mark.slow, pytest.mark.pipeline]

SMALL = "process { withLabel: embed { cpus = 1 } }"


def test_foreign_packages_locale_and_home_are_in_nobodys_way(tmp_path: Path) -> None:
    folder = tmp_path / "é_µ"
    folder.mkdir()
    model = make_bundle(tmp_path / "model")
    for name in ("numpy", "random", "json", "typing"):
        (folder / f"{name}.py").write_text("raise ImportError('this is not meant')\n")
    shutil.copy(READS, folder / "é.fasta")
    variables = {
        "LC_ALL": "POSIX",
        "HOME": "/nonexistent",
        "PYTHONPATH": str(folder),
        "PYTHONHOME": "/nonexistent",
        "PYTHONWARNINGS": "error",
        "PYTHONOPTIMIZE": "2",
        "PYTHONINSPECT": "1",
        "PYTHONIOENCODING": "ascii",
    }
    given = ("--input", "é.fasta", "--sample", "s", "--model", model)
    run = run_pipeline(folder, *given, variables=variables)
    assert run.exit_code == 0, run.output
    assert {status for _, status in run.tasks()} == {"COMPLETED"}
    assert "Total wall time" in run.output
    assert "WARN" not in run.output
    assert (folder / ".nextflow" / "home").is_dir()
    told = {
        int(found[1])
        for script in folder.glob("work/*/*/.command.run")
        if (found := re.search(r"VIRNUCPRO_CPUS=(\d+);", script.read_text()))
    }
    assert 1 in told
    # What CPUs a task has is no part of it: on a smaller machine nothing runs again.
    (folder / "small.config").write_text(SMALL)
    again = run_pipeline(folder, *given, "-resume", "-c", "small.config", variables=variables)
    assert again.exit_code == 0, again.output
    again_statuses = again.statuses()
    assert again_statuses["EMBED_DNA"] == again_statuses["EMBED_PROTEIN"] == {"CACHED"}
