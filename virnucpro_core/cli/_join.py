"""``virnucpro join``: the embeddings of all shards of whole sequences to one file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.cli._options import StagesOption
from virnucpro_core.cli._say import say
from virnucpro_core.reporting import Stage, write_stages
from virnucpro_core.store import SetAside, join_embeddings, write_record_outcomes

__all__ = ["join"]


def join(
    embeddings: Annotated[
        list[Path], typer.Argument(help="Embeddings of all shards, in the shards' order.")
    ],
    records: Annotated[Path, typer.Option(help="The record table of 'virnucpro shard'.")],
    output: Annotated[Path, typer.Option(help="HDF5 file to write.")],
    table: Annotated[Path, typer.Option(help="Table of all records to write.")],
    stages: StagesOption = None,
) -> None:
    """Join embeddings in input order, and say of every record what became of it."""
    started = time.perf_counter()
    ids, set_aside = join_embeddings(embeddings, output)
    n_records = write_record_outcomes(records, ids, set_aside, table)
    if stages is not None:
        seconds = time.perf_counter() - started
        write_stages(stages, [Stage("Feature Merging", seconds, len(ids))])
    n_embedded = len(ids) - int((set_aside != SetAside.EMBEDDED).sum())
    say(f"{output.name}: {n_embedded} of {n_records} records embedded")
