"""A page as Chromium shows it: its document after the scripts ran, and their complaints."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Shown", "show"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_CONSOLE = re.compile(r':CONSOLE[:(]\d+[\])]\s*"?(.*?)"?, source')


@dataclass(frozen=True, slots=True)
class Shown:
    """A page after its scripts ran.

    Attributes:
        document: its HTML.
        console: what was written to the console, errors and warnings included.
    """

    document: str
    console: list[str]


def show(page: Path, tmp_path: Path, *, width: int = 820) -> Shown:
    """Open ``page`` without a network; skips the test where there is no Chromium."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("needs Chromium: none of " + ", ".join(_NAMES) + " is on PATH")
    command = [
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'chromium'}", f"--window-size={width},1000",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=20000", "--dump-dom",
        page.resolve().as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if "<html" not in done.stdout:
        pytest.fail(f"Chromium showed nothing: {done.stderr[-2000:]}")
    return Shown(done.stdout, _CONSOLE.findall(done.stderr))
