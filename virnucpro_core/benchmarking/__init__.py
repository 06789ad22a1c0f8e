"""Measurements against peers and against the machine's own limits."""

from virnucpro_core.benchmarking._frames import FramesReport, measure_frames

__all__ = ["FramesReport", "measure_frames"]
