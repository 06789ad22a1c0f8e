"""``virnucpro shard``: whole sequences to shards, without windows and frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core import sequences
from virnucpro_core.cli._options import OptionalSampleOption, OutdirOption, StagesOption
from virnucpro_core.cli._reads import (
    PairedOption,
    ReadsArgument,
    SheetOption,
    given_samples,
    named,
    say_of_reads,
)
from virnucpro_core.cli._say import say
from virnucpro_core.reporting import Stage, write_stages

__all__ = ["shard"]

_STAGE = {"dna": "Nucleotide File Splitting", "protein": "Protein File Splitting"}


def shard(
    molecule: Annotated[str, typer.Option(help="dna or protein.")],
    records: ReadsArgument = None,
    sample: OptionalSampleOption = None,
    paired: PairedOption = False,
    sheet: SheetOption = None,
    shard_frames: Annotated[int, typer.Option(help="Sequences in a shard.")] = 20_000,
    outdir: OutdirOption = Path(),
    stages: StagesOption = None,
) -> None:
    """Write whole sequences as shards for 'virnucpro embed', and a table of the records."""
    if molecule not in sequences.MOLECULES:
        raise typer.BadParameter(f"--molecule is {molecule!r}, it must be dna or protein")
    seconds, n_sharded = 0.0, 0
    for each in given_samples(records, sample, sheet, paired=paired, outdir=outdir):
        settings = sequences.WholeSettings(each.name, molecule, shard_frames)
        with named(each, sheet):
            summary = sequences.shard_whole(each.reads, outdir, settings)
        seconds += summary.seconds
        say_of_reads(each.name, summary.warnings, summary.notes)
        n_sharded += summary.n_records - summary.n_empty
        say(
            f"{each.name}: {summary.n_records} records, {summary.n_empty} of them empty, "
            f"{len(summary.shards)} shards"
        )
    if stages is not None:
        write_stages(stages, [Stage(_STAGE[molecule], seconds, n_sharded)])
