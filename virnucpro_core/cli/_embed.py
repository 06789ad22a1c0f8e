"""``virnucpro embed``: the DNA or proteins of shards to embeddings."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virnucpro_core._files import AtomicFile
from virnucpro_core._limits import available_cpus
from virnucpro_core.cli._checkpoint_dir import CheckpointDirOption, resolve_checkpoint_dir
from virnucpro_core.cli._embed_options import AttentionOption
from virnucpro_core.cli._options import (
    ModelOption,
    StagesOption,
    check_choice,
    check_counts,
    check_outputs,
)
from virnucpro_core.cli._say import say
from virnucpro_core.cli._signals import stop_signals
from virnucpro_core.reporting import Stage, write_stages
from virnucpro_core.store import SetAside, check_is_shard, write_embeddings

if TYPE_CHECKING:
    from virnucpro_core.embedding import CheckpointPlan, ShardEmbedder, ShardResult

__all__ = ["embed"]

_STAGE = {"dna": "DNABERT-S Feature Extraction", "protein": "ESM-2 Feature Extraction"}


def embed(
    shards: Annotated[
        list[Path],
        typer.Argument(help="Shards of 'virnucpro prepare' or 'shard'.", metavar="SHARD…"),
    ],
    encoder: Annotated[str, typer.Option(help="dna or protein.")],
    model: ModelOption,
    output: Annotated[list[Path], typer.Option(help="HDF5 file to write, for each shard in turn.")],
    engine: Annotated[
        str,
        typer.Option(help="v2: packed batches; v1: padded fp32 as VirNucPro 1.0, to compare with."),
    ] = "v2",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, fp16 or int8.")] = "auto",
    attention: AttentionOption = "auto",
    token_budget: Annotated[int, typer.Option(help="Tokens in a batch; 0 chooses.")] = 0,
    threads: Annotated[
        int,
        typer.Option(
            min=0,
            help="Threads of the CPU; 0: all that are available.",
            envvar="VIRNUCPRO_THREADS",
        ),
    ] = 0,
    checkpoint_dir: CheckpointDirOption = "",
    checkpoint_key: Annotated[
        list[Path] | None,
        typer.Option(
            help="Write the name of the checkpoint and the bytes that are in it at the start to "
            "this file, for each shard in turn."
        ),
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
    """Embed the frames (or whole sequences) of shards with one encoder of a model."""
    check_counts(shards, {"--output": output})
    if checkpoint_key:
        check_counts(shards, {"--checkpoint-key": checkpoint_key})
    written = {"--output": output, "--checkpoint-key": checkpoint_key or []}
    check_outputs(shards, {**written, "--stages": [] if stages is None else [stages]})
    with stop_signals() as stop:
        # torch takes seconds to import: only the commands that compute pay for it.
        import torch

        from virnucpro_core import embedding
        from virnucpro_core.models import ATTENTION_BACKENDS

        torch.set_num_threads(threads or available_cpus())
        check_choice("--encoder", encoder, tuple(_STAGE))
        check_choice("--engine", engine, tuple(e.value for e in embedding.Engine))
        check_choice("--precision", precision, tuple(p.value for p in embedding.Precision))
        check_choice("--attention", attention, ("auto", *ATTENTION_BACKENDS))
        settings = embedding.resolve_settings(
            device,
            embedding.Precision(precision),
            token_budget,
            attention,
            engine=embedding.Engine(engine),
        )
        source = embedding.open_encoder(model, "dna" if encoder == "dna" else "protein")
        for path in shards:
            check_is_shard(path)

        def open_shard(path: Path) -> ShardEmbedder:
            return embedding.ShardEmbedder(
                path,
                source,
                checkpoint_dir=resolve_checkpoint_dir(checkpoint_dir),
                part_seconds=part_seconds,
            )

        def finish(number: int, result: ShardResult) -> Stage:
            write_embeddings(result.embeddings, output[number])
            how = f"{settings.precision.value} on {settings.device}"
            if settings.engine is embedding.Engine.V1:
                how += ", reference engine v1"
            _tell(shards[number].name, result, how)
            run = result.run
            return Stage(_STAGE[encoder], run.seconds, len(run.values), run.n_tokens)

        first = open_shard(shards[0])
        done: list[Stage] = []
        # Until there is something to save, a signal ends the command at once.
        with (
            embedding.leased_settings(settings, threads=threads) as settings,
            ExitStack() as embedding_time,
        ):
            # Several shards share the weights; those of a single one go with its last batch.
            loaded = source.load_encoder(settings) if len(shards) > 1 else None
            for number, path in enumerate(shards):

                def started(plan: CheckpointPlan | None, number: int = number) -> None:
                    if number == 0:
                        embedding_time.enter_context(stop.deferred())
                    if plan is not None and checkpoint_key:
                        # The next attempt finds more in it if this one has made progress.
                        n_bytes = sum(plan.checkpoint.token_budgets().values())
                        with AtomicFile(checkpoint_key[number]) as file:
                            file.write(f"{plan.checkpoint.key} {n_bytes}\n".encode())

                result = (first if number == 0 else open_shard(path)).embed(
                    settings,
                    max_failed_fraction=max_failed_fraction,
                    started=started,
                    is_stopped=lambda: stop.is_requested,
                    encoder=loaded,
                )
                if loaded is not None:
                    done.append(finish(number, result))
        if loaded is None:
            # By now the device is free for whoever waits for it. HDF5 calls Python back to write,
            # and would lose an error that a signal raises there.
            with stop.deferred():
                done.append(finish(0, result))
        if stages is not None:
            write_stages(stages, [_sum_of(done)])


def _sum_of(stages: list[Stage]) -> Stage:
    return Stage(
        stages[0].name,
        sum(stage.seconds for stage in stages),
        sum(stage.sequences for stage in stages),
        sum(stage.tokens for stage in stages),
    )


def _tell(name: str, result: ShardResult, how: str) -> None:
    run, ids = result.run, result.embeddings.ids
    if run.begun_budget is not None:
        say(
            f"virnucpro: {name}: went on with the token budget {run.begun_budget} of an earlier "
            "attempt; --token-budget chooses another",
            to_stderr=True,
        )
    for part in run.bad_parts:
        say(
            f"virnucpro: warning: checkpoint part {part.name}: {part.reason}; "
            "its sequences were embedded again",
            to_stderr=True,
        )
    for row in (run.set_aside != SetAside.EMBEDDED).nonzero()[0].tolist():
        reason = SetAside(int(run.set_aside[row])).reason
        say(f"virnucpro: warning: {ids[row]} was set aside: {reason}", to_stderr=True)
    if result.n_cut_off:
        say(
            f"virnucpro: warning: {name}: of {result.n_cut_off} proteins only the beginning was "
            "embedded, as VirNucPro 1.0 does; --engine v2 embeds them whole",
            to_stderr=True,
        )
    resumed = f", {run.n_resumed} of them by an earlier attempt" if run.n_resumed else ""
    say(
        f"{name}: {len(ids)} frames{resumed}, {run.n_tokens} tokens in {run.n_batches} batches, "
        f"{run.seconds:.1f} s, {how}"
    )
