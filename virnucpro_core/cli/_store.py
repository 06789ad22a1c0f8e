"""``virnucpro store``: embeddings that other programs made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.errors import UsageError
from virnucpro_core.store import read_shard, write_embeddings

__all__ = ["app"]

app = typer.Typer(help="Take over embeddings of other programs.", no_args_is_help=True)


@app.callback()
def _store() -> None:
    """Take over embeddings of other programs."""


@app.command("import")
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="*_DNABERT_S.pt, *_ESM.pt, *_merged.pt, batch_*.pt, embeddings.h5.",
            metavar="FILE…",
        ),
    ],
    dna: Annotated[Path | None, typer.Option(help="HDF5 file for the DNA embeddings.")] = None,
    protein: Annotated[
        Path | None, typer.Option(help="HDF5 file for the protein embeddings.")
    ] = None,
    shard: Annotated[
        Path | None,
        typer.Option(help="Shard of 'virnucpro prepare' whose frames to take, in its order."),
    ] = None,
    made_by: Annotated[
        str | None,
        typer.Option(help="The bundle whose encoders made them, which you know and no file says."),
    ] = None,
) -> None:
    """Import feature files and checkpoints of VirNucPro 1.0 and 2.0, without running them.

    With --shard and --made-by the result can be classified: 'virnucpro classify'.
    """
    outputs = {"dna": dna, "protein": protein}
    if dna is None and protein is None:
        raise UsageError("there is nothing to write", remedy="give --dna, --protein or both")
    if shard is not None and made_by is None:
        raise UsageError(
            "--shard is for embeddings to be classified",
            remedy="name the bundle whose encoders made them with --made-by",
        )
    # torch takes seconds to import: a mistake of the command line is told before.
    from virnucpro_core.models import import_features, open_bundle

    found = import_features(
        files,
        shard=None if shard is None else read_shard(shard),
        made_by=None if made_by is None else open_bundle(made_by),
    )
    for kind, output in outputs.items():
        if output is not None and kind not in found:
            raise UsageError(
                f"no file has {kind} embeddings", remedy=f"leave out --{kind}, or give more files"
            )
    for kind, embeddings in found.items():
        output = outputs[kind]
        if output is None:
            typer.echo(f"{kind}: {len(embeddings.ids)} embeddings left out, no --{kind} is given")
            continue
        write_embeddings(embeddings, output)
        n_rows, width = embeddings.values.shape
        typer.echo(f"{output}: {n_rows} {kind} embeddings of {width} numbers")
