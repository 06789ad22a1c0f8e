"""Reports of a suite that nothing was measured for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from virnucpro_core.benchmarking import (
    Check,
    Panel,
    Point,
    SuiteReport,
    SuiteSettings,
    Target,
)


def suite_report(
    *values: float,
    suite: str = "throughput",
    better: Any = "higher",
    settings: Mapping[str, Any] | None = None,
    machine: Mapping[str, Any] | None = None,
    passed: bool = True,
) -> SuiteReport:
    """A report with one measured thing of these rounds, and one of 5 on an axis."""
    return SuiteReport(
        suite=suite,
        settings={**SuiteSettings().to_json(), **(settings or {})},
        panels=[
            Panel("Speed", "frames/s", (Point("ESM-2", values or (1.0,)),), better),
            Panel("Over length", "s", (Point("100 aa", (5.0, 6.0), 100, "ESM-2"),), "", "length"),
        ],
        targets=[
            Target("speed", "at least", 2.0, (values or (1.0,))[0], "it was measured"),
            Target("two devices", "at least", 1.9, None, "shards are apart", "no such device"),
        ],
        checks=[Check("packed | alone", passed, "1 of 1 equal")],
        notes=["A note."],
        seconds=1.5,
        machine={"cpu_model": "a processor", "cuda_devices": [], **(machine or {})},
        versions={"virnucpro": "1", "python": "3.11", "torch": "2", "sourmash": None},
    )
