"""Reading sequences, cutting windows, finding their frames, writing shards. No torch here."""

from virnucpro_core._frame_rule import FRAME_RULES, FrameRule
from virnucpro_core.sequences._decompressed import open_decompressed
from virnucpro_core.sequences._demo_reads import demo_reads
from virnucpro_core.sequences._duplicates import DuplicateFinder
from virnucpro_core.sequences._frames import KeptFrames, Stretch, find_frames
from virnucpro_core.sequences._information import window_information
from virnucpro_core.sequences._molecules import MOLECULES, clean_sequences
from virnucpro_core.sequences._opened import OpenedFiles
from virnucpro_core.sequences._prepare import (
    PrepareSettings,
    PrepareSummary,
    check_sample_name,
    prepare,
    prepare_batches,
)
from virnucpro_core.sequences._reader import read_batches
from virnucpro_core.sequences._records import ReadFiles, RecordBatch
from virnucpro_core.sequences._sharding import FrameBlock, ShardBuilder
from virnucpro_core.sequences._whole import WholeSettings, WholeSummary, shard_whole
from virnucpro_core.sequences._windows import Windows, cut_windows, window_starts

__all__ = [
    "FRAME_RULES",
    "MOLECULES",
    "DuplicateFinder",
    "FrameBlock",
    "FrameRule",
    "KeptFrames",
    "OpenedFiles",
    "PrepareSettings",
    "PrepareSummary",
    "ReadFiles",
    "RecordBatch",
    "ShardBuilder",
    "Stretch",
    "WholeSettings",
    "WholeSummary",
    "Windows",
    "check_sample_name",
    "clean_sequences",
    "cut_windows",
    "demo_reads",
    "find_frames",
    "open_decompressed",
    "prepare",
    "prepare_batches",
    "read_batches",
    "shard_whole",
    "window_information",
    "window_starts",
]
