"""``virnucpro consensus``: scores to calls and result files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.cli._options import OutdirOption, StagesOption
from virnucpro_core.cli._reads import PairedOption, read_files
from virnucpro_core.cli._say import say
from virnucpro_core.errors import UsageError
from virnucpro_core.reporting import Stage, write_stages
from virnucpro_core.store import RecordTable

__all__ = ["consensus"]


def consensus(
    records: Annotated[Path, typer.Option(help="Record table that 'virnucpro prepare' wrote.")],
    reads: Annotated[
        list[Path], typer.Option(help="A sequence file that was prepared; again for the next.")
    ],
    sample: Annotated[str, typer.Option(help="Name of the sample.")],
    scores: Annotated[list[Path] | None, typer.Argument(help="Score files of all shards.")] = None,
    paired: PairedOption = False,
    threshold: Annotated[
        float | None, typer.Option(help="Call by virus_score: the lowest one of a virus, 0 to 1.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Call by probability: sensitive (0.2), balanced (0.5) or strict (0.9)."),
    ] = None,
    fdr: Annotated[
        float | None,
        typer.Option(help="Call by q_value: the expected share of false ones among the calls."),
    ] = None,
    prevalence: Annotated[
        str,
        typer.Option(
            help="Share of viruses among the records; auto: the most that the scores allow, up to "
            "the calibration's."
        ),
    ] = "auto",
    outdir: OutdirOption = Path(),
    stages: StagesOption = None,
) -> None:
    """Bring the scores of a sample together: one row and one call for every record."""
    from virnucpro_core import calling

    decision = calling.choose_decision(threshold, preset, fdr)
    share = calling.parse_prevalence(prevalence)
    started = time.perf_counter()
    table = RecordTable.open(records)
    if table.sample != sample:
        raise UsageError(f"{records} is the record table of {table.sample}, not of {sample}")
    files = read_files(reads, paired=paired)
    summary = calling.write_consensus(
        table, scores or [], files, outdir, decision=decision, prevalence=share
    )
    if stages is not None:
        seconds = time.perf_counter() - started
        write_stages(stages, [Stage("Consensus Scoring", seconds, summary.n_records)])
    for warning in (*summary.input_warnings, *summary.warnings):
        say(f"virnucpro: {sample}: warning: {warning}", to_stderr=True)
    if summary.prevalence is not None:
        say(f"{sample}: {summary.prevalence}")
    say(
        f"{sample}: {summary.n_records} records, {summary.n_virus} virus, "
        f"{summary.n_non_virus} non-virus, {summary.n_not_scorable} not scorable"
    )
