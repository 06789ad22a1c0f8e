"""``virnucpro embed``: a shard's DNA or proteins to embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.cli._options import ModelOption, StagesOption
from virnucpro_core.errors import UsageError
from virnucpro_core.reporting import Stage, write_stages
from virnucpro_core.store import (
    EmbeddingInfo,
    Embeddings,
    ShardStrings,
    read_shard,
    write_embeddings,
)

__all__ = ["embed"]

_STAGE = {"dna": "DNABERT-S Feature Extraction", "protein": "ESM-2 Feature Extraction"}


def embed(
    shard: Annotated[Path, typer.Argument(help="A shard of 'virnucpro prepare' or 'shard'.")],
    encoder: Annotated[str, typer.Option(help="dna or protein.")],
    model: ModelOption,
    output: Annotated[Path, typer.Option(help="HDF5 file to write.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, fp16 or int8.")] = "auto",
    attention: Annotated[str, typer.Option(help="auto, sdpa, varlen or flash.")] = "auto",
    token_budget: Annotated[int, typer.Option(help="Tokens in a batch; 0 chooses.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="Threads of the CPU; 0: all cores.")] = 0,
    stages: StagesOption = None,
) -> None:
    """Embed the frames (or whole sequences) of a shard with one encoder of a model."""
    # torch takes seconds to import: only the commands that compute pay for it.
    import torch

    from virnucpro_core import embedding
    from virnucpro_core.models import ATTENTION_BACKENDS, EncoderKind

    torch.set_num_threads(threads or embedding.usable_cores())
    _check_choice("--encoder", encoder, tuple(_STAGE))
    kind: EncoderKind = "dna" if encoder == "dna" else "protein"
    _check_choice("--precision", precision, tuple(p.value for p in embedding.Precision))
    _check_choice("--attention", attention, ("auto", *ATTENTION_BACKENDS))
    settings = embedding.resolve_settings(
        device, embedding.Precision(precision), token_budget, attention
    )
    source = embedding.open_encoder(model, kind)
    frames = read_shard(shard)
    ids = frames.frame_ids()
    strings = frames.nucleotides if kind == "dna" else frames.proteins
    if not strings.lengths.all():
        raise UsageError(
            f"the shard has no {'nucleotides' if kind == 'dna' else 'proteins'}",
            where=str(shard),
            remedy="give the --encoder of the molecule that 'virnucpro shard' was told",
        )
    # On a device, processes tokenise: they read what they need of the shard themselves.
    in_file = ShardStrings(shard, "nucleotides" if kind == "dna" else "proteins")
    with embedding.leased_settings(settings, threads=threads) as settings:
        result = embedding.embed(
            in_file if settings.device.type == "cuda" else strings,
            source.load_encoder(settings),
            source.load_tokenizer(),
            settings,
            layer=source.layer,
            ids=ids,
        )
    info = EmbeddingInfo(
        model=source.name,
        layer=source.layer,
        pooling="mean",
        precision=settings.precision.value,
        weights_sha256=source.weights_sha256,
        shard_sha256=frames.digest(),
    )
    write_embeddings(Embeddings(ids, result.values, info), output)
    if stages is not None:
        write_stages(stages, [Stage(_STAGE[kind], result.seconds, len(frames), result.n_tokens)])
    typer.echo(
        f"{shard.name}: {len(frames)} frames, {result.n_tokens} tokens in {result.n_batches} "
        f"batches, {result.seconds:.1f} s, {settings.precision.value} on {settings.device}"
    )


def _check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise typer.BadParameter(f"{option} is {value!r}, it must be one of {', '.join(allowed)}")
