"""Section of a report: parameters, versions and digests of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from virnucpro_core.pages import Block, Code, Section, Table, Text

__all__ = ["run_section"]


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


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
