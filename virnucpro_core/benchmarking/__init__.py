"""Measurements against peers and against the machine's own limits, and suites of them."""

from virnucpro_core.benchmarking._embed import SIZES, measure_embed
from virnucpro_core.benchmarking._embed_plot import plot_embed
from virnucpro_core.benchmarking._embed_report import EmbedReport
from virnucpro_core.benchmarking._frames import FramesReport, measure_frames
from virnucpro_core.benchmarking._suite_compare import SuiteComparison, compare_suites
from virnucpro_core.benchmarking._suite_files import write_suite_report
from virnucpro_core.benchmarking._suite_markdown import render_markdown
from virnucpro_core.benchmarking._suite_report import (
    SUITE_SCHEMA_VERSION,
    Check,
    Panel,
    Point,
    SuiteReport,
    Target,
    read_suite_report,
    refuse_unequal,
)
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.benchmarking._suites import (
    ALL,
    SUITES,
    Suite,
    combine,
    find_suite,
    run_suite,
)

__all__ = [
    "ALL",
    "SIZES",
    "SUITES",
    "SUITE_SCHEMA_VERSION",
    "Check",
    "EmbedReport",
    "FramesReport",
    "Panel",
    "Point",
    "Suite",
    "SuiteComparison",
    "SuiteReport",
    "SuiteSettings",
    "Target",
    "combine",
    "compare_suites",
    "find_suite",
    "measure_embed",
    "measure_frames",
    "plot_embed",
    "read_suite_report",
    "refuse_unequal",
    "render_markdown",
    "run_suite",
    "write_suite_report",
]
