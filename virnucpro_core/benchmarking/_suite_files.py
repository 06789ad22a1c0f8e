"""The files of a suite's report."""

from __future__ import annotations

from pathlib import Path

from virnucpro_core._files import AtomicFile
from virnucpro_core.benchmarking._suite_markdown import render_markdown
from virnucpro_core.benchmarking._suite_report import SuiteReport

__all__ = ["write_suite_report"]


def write_suite_report(report: SuiteReport, folder: Path) -> None:
    """Write ``<suite>.md``, ``<suite>.html`` and ``<suite>.json``, each whole or not at all.

    Raises:
        StoreError: one cannot be written.
    """
    # What draws takes a while to load; the commands only need to know the suites.
    from virnucpro_core.benchmarking._suite_page import suite_page
    from virnucpro_core.pages import write_page

    for ending, text in (("md", render_markdown(report)), ("json", report.to_json())):
        with AtomicFile(folder / f"{report.suite}.{ending}") as file:
            file.write(text.encode())
    write_page(folder / f"{report.suite}.html", suite_page(report))
