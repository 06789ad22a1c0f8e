"""The shape of the package: who may import whom, and what is public."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import virnucpro_core

ROOT = Path(virnucpro_core.__file__).parent

# Imports go up this list only.
ROOMS = [
    "errors", "_limits", "_requirements", "_files", "_progress", "_json_object", "_calibration",
    "_reliability", "_frame_rule", "samples", "parameters", "pages", "store", "sequences",
    "packing", "models", "embedding", "calling", "training", "reporting", "estimating",
    "benchmarking", "diagnosing", "cli",
]  # fmt: skip


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "virnucpro_core" and len(parts) > 1 else None


def test_every_package_is_in_the_list_of_rooms() -> None:
    assert {module.name for module in pkgutil.iter_modules([str(ROOT)])} == set(ROOMS)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    mine = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "virnucpro_core":
                imported = [room(f"virnucpro_core.{alias.name}") for alias in node.names]
            else:
                imported = [room(node.module)]
        elif isinstance(node, ast.Import):
            imported = [room(alias.name) for alias in node.names]
        else:
            continue
        for other in imported:
            if other in ROOMS and other != mine:
                assert ROOMS.index(other) < ROOMS.index(mine), f"{mine} imports {other}"


@pytest.mark.parametrize("name", [n for n in ROOMS if n != "errors" and n[0] != "_"])
def test_a_package_exports_what_it_names_and_hides_the_rest(name: str) -> None:
    package = importlib.import_module(f"virnucpro_core.{name}")
    for exported in package.__all__:
        assert hasattr(package, exported)
    for module in pkgutil.iter_modules(package.__path__):
        assert module.name.startswith("_")


@pytest.mark.parametrize(
    "name",
    [
        "samples",
        "parameters",
        "pages",
        "store",
        "sequences",
        "packing",
        "calling",
        "reporting",
        "estimating",
        "cli",
    ],
)  # fmt: skip
def test_these_packages_start_without_torch(name: str) -> None:
    program = f"import sys, virnucpro_core.{name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
