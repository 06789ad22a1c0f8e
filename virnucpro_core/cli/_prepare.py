"""``virnucpro prepare``: reads to shards of frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core import sequences
from virnucpro_core._frame_rule import unlike_training
from virnucpro_core.cli._options import (
    FrameRuleOption,
    OptionalSampleOption,
    OutdirOption,
    StagesOption,
    frame_rule_or,
)
from virnucpro_core.cli._reads import (
    PairedOption,
    ReadsArgument,
    SheetOption,
    given_samples,
    named,
    say_of_reads,
)
from virnucpro_core.cli._say import say
from virnucpro_core.errors import UsageError
from virnucpro_core.reporting import Stage, write_stages

__all__ = ["prepare"]


def prepare(
    reads: ReadsArgument = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model that says window size and frame rule: a directory or a name."),
    ] = None,
    window_size: Annotated[
        int | None, typer.Option(help="Window size in bases [the model's].")
    ] = None,
    frame_rule: FrameRuleOption = None,
    sample: OptionalSampleOption = None,
    paired: PairedOption = False,
    sheet: SheetOption = None,
    shard_frames: Annotated[int, typer.Option(help="Frames in a shard.")] = 20_000,
    outdir: OutdirOption = Path(),
    stages: StagesOption = None,
) -> None:
    """Cut reads into windows, find their frames, write shards and the record table.

    Without a model the frame rule is complete, unless --frame-rule names another.
    """
    own = None
    if model is not None:
        from virnucpro_core.models import open_bundle

        own = open_bundle(model)
    if window_size is None:
        if own is None:
            raise UsageError(
                "--window-size is missing", remedy="give it, or the --model that it is of"
            )
        window_size = own.window_size
    rule = frame_rule_or("complete" if own is None else own.frame_rule, frame_rule)
    warning = None if own is None else unlike_training(rule, own.frame_rule)
    if warning is not None:
        say(f"virnucpro: warning: {warning}", to_stderr=True)
    summaries = []
    for each in given_samples(reads, sample, sheet, paired=paired, outdir=outdir):
        settings = sequences.PrepareSettings(each.name, window_size, shard_frames, rule)
        with named(each, sheet):
            summary = sequences.prepare(each.reads, outdir, settings)
        summaries.append(summary)
        say_of_reads(each.name, summary.warnings, summary.notes)
        partial = f" ({summary.n_partial} partial)" if rule == "longest" else ""
        say(
            f"{each.name}: {summary.n_records} records, {summary.n_chunks} windows "
            f"({summary.n_uninformative} without information), "
            f"{summary.n_frames} frames{partial}, {len(summary.shards)} shards"
        )
    if stages is not None:
        write_stages(stages, _stages(summaries))


def _stages(summaries: list[sequences.PrepareSummary]) -> list[Stage]:
    n_chunks = sum(summary.n_chunks for summary in summaries)
    n_frames = sum(summary.n_frames for summary in summaries)
    return [
        Stage("Sequence Chunking", sum(s.chunking_seconds for s in summaries), n_chunks),
        Stage("Six-Frame Translation", sum(s.translation_seconds for s in summaries), n_frames),
        Stage("Nucleotide File Splitting", sum(s.nucleotide_seconds for s in summaries), n_frames),
        Stage("Protein File Splitting", sum(s.protein_seconds for s in summaries), n_frames),
    ]
