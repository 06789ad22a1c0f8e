"""What a run did: the summary of its stages and its provenance."""

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

__all__ = [
    "RUN_JSON_SCHEMA_VERSION",
    "STAGES",
    "Json",
    "Stage",
    "StageSummary",
    "read_stages",
    "render_stages",
    "summarise_stages",
    "write_run_json",
    "write_stages",
]
