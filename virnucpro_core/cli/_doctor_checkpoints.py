"""``virnucpro doctor checkpoints``: what unfinished runs have left, and clearing it away."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.cli._checkpoint_dir import CheckpointDirOption, resolve_checkpoint_dir
from virnucpro_core.cli._say import say
from virnucpro_core.errors import InputError, StoreError, UsageError
from virnucpro_core.store import (
    CheckpointSummary,
    list_checkpoints,
    open_store,
    remove_checkpoints,
    remove_stale_temporaries,
    verify_checkpoint,
)

__all__ = ["checkpoints"]

_DAY_SECONDS = 86_400


def checkpoints(
    checkpoint_dir: CheckpointDirOption = "",
    verify: Annotated[bool, typer.Option("--verify", help="Read every part and check it.")] = False,
    remove: Annotated[
        list[str] | None, typer.Option(help="Remove the checkpoint of this name; may be repeated.")
    ] = None,
    remove_named_in: Annotated[
        Path | None,
        typer.Option(help="Remove those named in this file, or in the files of this folder."),
    ] = None,
    remove_older_than: Annotated[
        float | None, typer.Option(min=0, help="Remove those not written to for this many days.")
    ] = None,
) -> None:
    """List checkpoints: the finished parts of runs that have not ended well yet.

    A run that ends well removes its own. Removing another one loses work, never results.
    """
    location = resolve_checkpoint_dir(checkpoint_dir)
    if not location:
        raise UsageError(
            "no checkpoint directory is named",
            remedy="give --checkpoint-dir, or set VIRNUCPRO_CHECKPOINT_DIR",
        )
    store = open_store(location)
    if "://" not in location and not Path(location).exists():
        say(f"virnucpro: warning: {location} does not exist", to_stderr=True)
    keys = set(remove or ())
    if remove_named_in is not None:
        keys |= _named_in(remove_named_in)
    if remove_older_than is not None:
        oldest = time.time() - remove_older_than * _DAY_SECONDS
        keys |= {known.key for known in list_checkpoints(store) if known.modified < oldest}
    if remove or remove_named_in or remove_older_than is not None:
        # Those that are named are not looked for: a store may hold thousands of other runs'.
        removed = {key: remove_checkpoints(store, [key]) for key in sorted(keys)}
        n_files = sum(removed.values()) + remove_stale_temporaries(store)
        n_checkpoints = sum(n > 0 for n in removed.values())
        typer.echo(f"{store.location}: {n_checkpoints} checkpoints removed, {n_files} files")
        # Those that a file names may have been removed before: a run's last task is tried again.
        unknown = [key for key in sorted(set(remove or ())) if not removed[key]]
        if unknown:
            raise UsageError(
                f"has no checkpoint {', '.join(unknown)}",
                where=store.location,
                remedy="give whole names, as 'virnucpro doctor checkpoints' lists them",
            )
        return
    found = list_checkpoints(store)
    typer.echo("checkpoint\tparts\tMB\tlast written\tshard\tmolecule\tmodel\tprecision")
    for summary in found:
        typer.echo(_line(summary))
    typer.echo(f"{store.location}: {len(found)} checkpoints")
    if verify:
        bad = [part for summary in found for part in verify_checkpoint(store, summary)]
        for part in bad:
            typer.echo(f"{part.name}: {part.reason}")
        if bad:
            raise StoreError(
                f"{len(bad)} files cannot be used",
                where=store.location,
                remedy="a run embeds what is in them again; to clear them away, use --remove",
            )
        typer.echo("every part is what was written")


def _named_in(path: Path) -> set[str]:
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot be read ({error})", where=str(path), remedy="name a file of checkpoints' names"
        ) from error
    # Behind the name there may be what 'virnucpro embed --checkpoint-key' has found in it.
    return {line.split()[0] for line in lines if line.strip()}


def _line(summary: CheckpointSummary) -> str:
    written = datetime.fromtimestamp(summary.modified).isoformat(" ", "seconds")
    work = summary.work
    what = [work.label, work.molecule, work.model, work.precision] if work else ["?"] * 4
    return "\t".join(
        [summary.key, str(summary.n_parts), f"{summary.n_bytes / 1e6:.1f}", written, *what]
    )
