"""What a run did and found: its stages, its provenance, its reports.

Importing this package imports the standard library only: the head job runs ``python3 -m
virnucpro_core.reporting`` where nothing is installed. The reports load what they need when asked
for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from virnucpro_core.reporting._json_files import read_json_object
from virnucpro_core.reporting._machine import describe_machine
from virnucpro_core.reporting._run_json import (
    RUN_JSON_SCHEMA_VERSION,
    Json,
    describe_versions,
    write_run_json,
)
from virnucpro_core.reporting._stage_summary import (
    RunSummary,
    StageSummary,
    compare_runs,
    render_stages,
    sum_up_tables,
    summarise_run,
)
from virnucpro_core.reporting._stages import STAGES, Stage, read_stages, write_stages

if TYPE_CHECKING:
    from virnucpro_core.reporting._crate import write_crate
    from virnucpro_core.reporting._multiqc import write_multiqc
    from virnucpro_core.reporting._run_report import write_run_report
    from virnucpro_core.reporting._run_samples import (
        FailedSample,
        RunSample,
        find_failed_samples,
        read_run_samples,
    )
    from virnucpro_core.reporting._sample_report import SampleFiles, write_sample_report

__all__ = [
    "RUN_JSON_SCHEMA_VERSION",
    "STAGES",
    "FailedSample",
    "Json",
    "RunSample",
    "RunSummary",
    "SampleFiles",
    "Stage",
    "StageSummary",
    "compare_runs",
    "describe_machine",
    "describe_versions",
    "find_failed_samples",
    "read_json_object",
    "read_run_samples",
    "read_stages",
    "render_stages",
    "sum_up_tables",
    "summarise_run",
    "write_crate",
    "write_multiqc",
    "write_run_json",
    "write_run_report",
    "write_sample_report",
    "write_stages",
]

_PAGES = {
    "FailedSample": "_run_samples",
    "RunSample": "_run_samples",
    "SampleFiles": "_sample_report",
    "find_failed_samples": "_run_samples",
    "read_run_samples": "_run_samples",
    "write_crate": "_crate",
    "write_multiqc": "_multiqc",
    "write_run_report": "_run_report",
    "write_sample_report": "_sample_report",
}


def __getattr__(name: str) -> Any:
    if name in _PAGES:
        return getattr(importlib.import_module(f"{__name__}.{_PAGES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
