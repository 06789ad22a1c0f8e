"""Sections of a report: parameters, versions and digests of the run, and how to cite it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from virnucpro_core.pages import Block, Code, Section, Table, Text

__all__ = ["cite_section", "run_section"]

_CITE = (
    "The method is that of VirNucPro: Li J., Mi J., Lin W., Tian F., Wan J., Gao J., Tong Y. "
    "(2025), Briefings in Bioinformatics 26(3), doi 10.1093/bib/bbaf224. Its encoders are "
    "DNABERT-S: Zhou Z. et al. (2024), arXiv 2402.08777; and ESM-2: Lin Z. et al. (2023), Science "
    "379, 1123–1130, doi 10.1126/science.ade2574. Name this pipeline with its version, and the "
    "model by its SHA-256 "
    "above."
)


def run_section(run: Mapping[str, Any]) -> Section:
    """What made a sample's results.

    Args:
        run: ``run.json``; empty where there is none.
    """
    if not run:
        return Section("run", "Parameters and versions", [Text("There is no run.json at hand.")])
    parameters = sorted((run.get("parameters") or {}).items())
    versions = (run.get("versions") or {}).items()
    digests = [(i["name"], i["bytes"], i["sha256"]) for i in run.get("inputs") or ()]
    bundle = run.get("bundle") or {}
    blocks: list[Block] = [
        Table("Parameters", ("parameter", "value"), [(k, _plain(v)) for k, v in parameters]),
        Table("Versions", ("software", "version"), [(k, v) for k, v in versions]),
        Table("Input files", ("file", "bytes", "SHA-256"), digests),
        Table(
            "Model and code",
            ("what", "SHA-256"),
            [
                (f"model {bundle.get('name')}", bundle.get("sha256")),
                ("code", (run.get("code") or {}).get("sha256")),
            ],
        ),
        Code("Command", " ".join(run.get("command") or ()) or "not recorded"),
    ]
    return Section("run", "Parameters and versions", blocks)


def cite_section() -> Section:
    """What to cite: the method, its encoders, this pipeline."""
    return Section("cite", "How to cite", [Text(_CITE)])


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
