"""``virnucpro shard``: whole sequences to shards, without windows and frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core import sequences
from virnucpro_core.cli._options import OutdirOption, SampleOption, StagesOption
from virnucpro_core.reporting import Stage, write_stages

__all__ = ["shard"]

_STAGE = {"dna": "Nucleotide File Splitting", "protein": "Protein File Splitting"}


def shard(
    records: Annotated[Path, typer.Argument(help="FASTA or FASTQ, plain or compressed.")],
    sample: SampleOption,
    molecule: Annotated[str, typer.Option(help="dna or protein.")],
    shard_frames: Annotated[int, typer.Option(help="Sequences in a shard.")] = 20_000,
    outdir: OutdirOption = Path(),
    stages: StagesOption = None,
) -> None:
    """Write whole sequences as shards for 'virnucpro embed', and a table of the records."""
    if molecule not in sequences.MOLECULES:
        raise typer.BadParameter(f"--molecule is {molecule!r}, it must be dna or protein")
    settings = sequences.WholeSettings(sample, molecule, shard_frames)
    summary = sequences.shard_whole(records, outdir, settings)
    n_sharded = summary.n_records - summary.n_empty
    if stages is not None:
        write_stages(stages, [Stage(_STAGE[molecule], summary.seconds, n_sharded)])
    typer.echo(
        f"{sample}: {summary.n_records} records, {summary.n_empty} of them empty, "
        f"{len(summary.shards)} shards"
    )
