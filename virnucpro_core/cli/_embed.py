"""``virnucpro embed``: a shard's DNA or proteins to embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core.cli._options import ModelOption, StagesOption
from virnucpro_core.reporting import Stage, write_stages
from virnucpro_core.store import EmbeddingInfo, Embeddings, read_shard, write_embeddings

__all__ = ["embed"]

_STAGE = {"dna": "DNABERT-S Feature Extraction", "protein": "ESM-2 Feature Extraction"}


def embed(
    shard: Annotated[Path, typer.Argument(help="A shard that 'virnucpro prepare' wrote.")],
    encoder: Annotated[str, typer.Option(help="dna or protein.")],
    model: ModelOption,
    output: Annotated[Path, typer.Option(help="HDF5 file to write.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    token_budget: Annotated[int, typer.Option(help="Tokens in a batch; 0 chooses.")] = 0,
    stages: StagesOption = None,
) -> None:
    """Embed the frames of a shard with one of the bundle's encoders."""
    # torch takes seconds to import: only the commands that compute pay for it.
    import torch

    from virnucpro_core import embedding
    from virnucpro_core.models import EncoderKind, load_bundle

    torch.set_num_threads(embedding.usable_cores())
    _check_choice("--encoder", encoder, tuple(_STAGE))
    kind: EncoderKind = "dna" if encoder == "dna" else "protein"
    _check_choice("--precision", precision, tuple(p.value for p in embedding.Precision))
    settings = embedding.resolve_settings(device, embedding.Precision(precision), token_budget)
    bundle = load_bundle(model)
    spec = bundle.encoder_spec(kind)
    frames = read_shard(shard)
    ids = frames.frame_ids()
    result = embedding.embed(
        frames.nucleotides if kind == "dna" else frames.proteins,
        bundle.load_encoder(kind, settings.device, settings.dtype),
        bundle.load_tokenizer(kind),
        settings,
        layer=spec.layer,
        ids=ids,
    )
    info = EmbeddingInfo(
        model=spec.name,
        layer=spec.layer,
        pooling=spec.pooling,
        precision=settings.precision.value,
        weights_sha256=spec.weights_sha256,
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
