"""``virnucpro prepare``: reads to shards of frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core import sequences
from virnucpro_core.cli._options import OutdirOption, SampleOption, StagesOption
from virnucpro_core.reporting import Stage, write_stages

__all__ = ["prepare"]


def prepare(
    reads: Annotated[Path, typer.Argument(help="FASTA or FASTQ, plain or compressed.")],
    sample: SampleOption,
    window_size: Annotated[int, typer.Option(help="Window size in bases, the model's.")],
    shard_frames: Annotated[int, typer.Option(help="Frames in a shard.")] = 20_000,
    outdir: OutdirOption = Path(),
    stages: StagesOption = None,
) -> None:
    """Cut reads into windows, find stop-free frames, write shards and the record table."""
    settings = sequences.PrepareSettings(sample, window_size, shard_frames)
    summary = sequences.prepare(reads, outdir, settings)
    if stages is not None:
        counts = (
            ("Sequence Chunking", summary.chunking_seconds, summary.n_chunks),
            ("Six-Frame Translation", summary.translation_seconds, summary.n_frames),
            ("Nucleotide File Splitting", summary.nucleotide_seconds, summary.n_frames),
            ("Protein File Splitting", summary.protein_seconds, summary.n_frames),
        )
        write_stages(stages, [Stage(*row) for row in counts])
    typer.echo(
        f"{sample}: {summary.n_records} records, {summary.n_chunks} windows, "
        f"{summary.n_frames} frames, {len(summary.shards)} shards"
    )
