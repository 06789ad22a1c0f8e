"""``virnucpro embed``: a shard's DNA or proteins to embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virnucpro_core.cli._checkpoint_dir import CheckpointDirOption, resolve_checkpoint_dir
from virnucpro_core.cli._options import ModelOption, StagesOption
from virnucpro_core.cli._say import say
from virnucpro_core.cli._signals import stop_signals
from virnucpro_core.errors import UsageError
from virnucpro_core.reporting import Stage, write_stages
from virnucpro_core.store import (
    EmbeddingInfo,
    Embeddings,
    SetAside,
    ShardStrings,
    read_shard,
    write_embeddings,
)

if TYPE_CHECKING:
    from virnucpro_core.embedding import EmbedResult

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
    checkpoint_dir: CheckpointDirOption = "",
    checkpoint_key: Annotated[
        Path | None, typer.Option(help="Write the name of the checkpoint to this file.")
    ] = None,
    part_seconds: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds of work in a part; 0: a batch.", envvar="VIRNUCPRO_PART_SECONDS"
        ),
    ] = 60.0,
    max_failed_fraction: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the sequences that may fail and be set aside."),
    ] = 0.01,
    stages: StagesOption = None,
) -> None:
    """Embed the frames (or whole sequences) of a shard with one encoder of a model."""
    with stop_signals() as stop:
        # torch takes seconds to import: only the commands that compute pay for it.
        import torch

        from virnucpro_core import embedding
        from virnucpro_core.models import ATTENTION_BACKENDS, EncoderKind

        torch.set_num_threads(embedding.usable_cores())
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
        loaded = source.load_encoder(settings)
        info = EmbeddingInfo(
            model=source.name,
            layer=source.layer,
            pooling="mean",
            precision=settings.precision.value,
            weights_sha256=source.weights_sha256,
            shard_sha256=frames.digest(),
        )
        plan = None
        if store := resolve_checkpoint_dir(checkpoint_dir):
            plan = embedding.plan_checkpoint(
                store,
                info,
                label=f"{frames.sample} {frames.index}",
                molecule=kind,
                n_sequences=len(frames),
                width=loaded.width,
                settings=settings,
                part_seconds=part_seconds,
            )
            if checkpoint_key is not None:
                checkpoint_key.write_text(f"{plan.checkpoint.key}\n")
        with stop.deferred():
            result = embedding.embed(
                in_file if settings.device.type == "cuda" else strings,
                loaded,
                source.load_tokenizer(),
                settings,
                layer=source.layer,
                ids=ids,
                plan=plan,
                max_failed_fraction=max_failed_fraction,
                is_stopped=lambda: stop.is_requested,
            )
        write_embeddings(Embeddings(ids, result.values, info, set_aside=result.set_aside), output)
        if stages is not None:
            write_stages(
                stages, [Stage(_STAGE[kind], result.seconds, len(frames), result.n_tokens)]
            )
        _tell(shard, ids, result, f"{settings.precision.value} on {settings.device}")


def _tell(shard: Path, ids: list[str], result: EmbedResult, how: str) -> None:
    for part in result.bad_parts:
        say(
            f"virnucpro: warning: checkpoint part {part.name}: {part.reason}; "
            "its sequences were embedded again",
            to_stderr=True,
        )
    for row in (result.set_aside != SetAside.EMBEDDED).nonzero()[0].tolist():
        reason = SetAside(int(result.set_aside[row])).reason
        say(f"virnucpro: warning: {ids[row]} was set aside: {reason}", to_stderr=True)
    resumed = f", {result.n_resumed} of them by an earlier attempt" if result.n_resumed else ""
    say(
        f"{shard.name}: {len(ids)} frames{resumed}, {result.n_tokens} tokens, "
        f"{result.n_batches} batches, {result.seconds:.1f} s, {how}"
    )


def _check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise typer.BadParameter(f"{option} is {value!r}, it must be one of {', '.join(allowed)}")
