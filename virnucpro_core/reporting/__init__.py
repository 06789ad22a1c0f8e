"""What a run did and found: its stages, its provenance, its reports.

Importing this package imports the standard library only: the head job runs ``python3 -m
virnucpro_core.reporting`` where nothing is installed. The reports load what they need when asked
for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from virnucpro_core.reporting._run_json import RUN_JSON_SCHEMA_VERSION, Json, write_run_json
from virnucpro_core.reporting._stages import (
    STAGES,
    Stage,
    StageSummary,
    read_stages,
    render_stages,
    summarise_stages,
    write_stages,
)

if TYPE_CHECKING:
    from virnucpro_core.reporting._sample_report import SampleFiles, write_sample_report

__all__ = [
    "RUN_JSON_SCHEMA_VERSION",
    "STAGES",
    "Json",
    "SampleFiles",
    "Stage",
    "StageSummary",
    "read_stages",
    "render_stages",
    "summarise_stages",
    "write_run_json",
    "write_sample_report",
    "write_stages",
]

_PAGES = {
    "SampleFiles": "_sample_report",
    "write_sample_report": "_sample_report",
}


def __getattr__(name: str) -> Any:
    if name in _PAGES:
        return getattr(importlib.import_module(f"{__name__}.{_PAGES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
