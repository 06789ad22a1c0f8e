"""Measurements against peers and against the machine's own limits."""

from virnucpro_core.benchmarking._embed import SIZES, measure_embed
from virnucpro_core.benchmarking._embed_plot import plot_embed
from virnucpro_core.benchmarking._embed_report import EmbedReport
from virnucpro_core.benchmarking._frames import FramesReport, measure_frames

__all__ = [
    "SIZES",
    "EmbedReport",
    "FramesReport",
    "measure_embed",
    "measure_frames",
    "plot_embed",
]
