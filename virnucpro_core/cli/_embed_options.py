"""How a command that embeds beside other things is told to do so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virnucpro_core._limits import available_cpus
from virnucpro_core.cli._say import say
from virnucpro_core.cli._signals import StopSignals

if TYPE_CHECKING:
    from virnucpro_core.training import Dataset

__all__ = ["AttentionOption", "DeviceOption", "PrecisionOption", "ThreadsOption", "embed_shards"]

AttentionOption = Annotated[str, typer.Option("--attention", help="auto, sdpa, varlen or flash.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
PrecisionOption = Annotated[
    str, typer.Option("--precision", help="auto, fp32, bf16, fp16 or int8.")
]
ThreadsOption = Annotated[
    int,
    typer.Option(
        "--threads",
        min=0,
        help="Threads of the encoders on a CPU; 0: all that are available.",
        envvar="VIRNUCPRO_THREADS",
    ),
]


def embed_shards(
    dataset: Dataset,
    model: str,
    folder: Path,
    stop: StopSignals,
    *,
    checkpoint_dir: str,
    device: str,
    precision: str,
    threads: int,
) -> tuple[list[Path], list[Path]]:
    """Embed a dataset's shards with both encoders of a bundle; see `embed_dataset`."""
    import torch

    from virnucpro_core import embedding, training

    formats = tuple(known.value for known in embedding.Precision)
    if precision not in formats:
        raise typer.BadParameter(f"--precision is {precision!r}, it must be {', '.join(formats)}")
    torch.set_num_threads(threads or available_cpus())
    settings = embedding.resolve_settings(device, embedding.Precision(precision), 0)

    @contextmanager
    def working() -> Iterator[None]:
        with stop.deferred():
            yield

    with embedding.leased_settings(settings, threads=threads) as settings:
        return training.embed_dataset(
            dataset,
            model,
            folder,
            settings,
            say,
            checkpoint_dir=checkpoint_dir,
            working=working,
            is_stopped=lambda: stop.is_requested,
        )
