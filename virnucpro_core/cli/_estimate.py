"""``virnucpro estimate``: what a run will take, before it starts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core._frame_rule import unlike_training
from virnucpro_core._limits import available_cpus
from virnucpro_core.cli._embed_options import (
    AttentionOption,
    DeviceOption,
    PrecisionOption,
    ThreadsOption,
)
from virnucpro_core.cli._options import (
    FrameRuleOption,
    ModelOption,
    check_choice,
    frame_rule_or,
)
from virnucpro_core.cli._reads import (
    PairedOption,
    ReadsArgument,
    SheetOption,
    given_samples,
    named,
)
from virnucpro_core.cli._say import say
from virnucpro_core.errors import UsageError
from virnucpro_core.reporting import describe_machine

__all__ = ["estimate"]


def estimate(
    model: ModelOption,
    reads: ReadsArgument = None,
    paired: PairedOption = False,
    sheet: SheetOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    attention: AttentionOption = "auto",
    token_budget: Annotated[int, typer.Option(help="Tokens in a batch; 0 chooses.")] = 0,
    threads: ThreadsOption = 0,
    shard_frames: Annotated[int, typer.Option(min=1, help="Frames in a shard.")] = 20_000,
    frame_rule: FrameRuleOption = None,
    records: Annotated[
        int, typer.Option(min=1, help="Records to read, of all samples together.")
    ] = 50_000,
) -> None:
    """Tell how long reads will take on this machine and how much memory; write nothing."""
    if reads and "-" in reads:
        raise UsageError("standard input can be read once only", remedy="name a file")
    import torch

    from virnucpro_core import embedding, estimating
    from virnucpro_core.models import ATTENTION_BACKENDS, open_bundle
    from virnucpro_core.sequences import PrepareSettings

    check_choice("--precision", precision, tuple(p.value for p in embedding.Precision))
    check_choice("--attention", attention, ("auto", *ATTENTION_BACKENDS))
    torch.set_num_threads(threads or available_cpus())
    settings = embedding.resolve_settings(
        device, embedding.Precision(precision), token_budget, attention
    )
    bundle = open_bundle(model)
    rule = frame_rule_or(bundle.frame_rule, frame_rule)
    warning = unlike_training(rule, bundle.frame_rule)
    if warning is not None:
        say(f"virnucpro: warning: {warning}", to_stderr=True)
    samples = given_samples(reads, None if sheet else "reads", sheet, paired=paired, outdir=Path())
    n_bytes = 0
    for each in samples:
        with named(each, sheet):
            n_bytes += estimating.size_of(each.reads)
    chosen = estimating.choose_samples(samples)
    with tempfile.TemporaryDirectory(prefix="virnucpro-estimate-") as name:
        folder, looks = Path(name), []
        for each in chosen:
            say(f"virnucpro: reading {each.reads}", to_stderr=True)
            with named(each, sheet):
                looks.append(
                    estimating.look_at(
                        each.reads,
                        folder,
                        PrepareSettings(each.name, bundle.window_size, shard_frames, rule),
                        records // len(chosen),
                    )
                )
        with embedding.leased_settings(settings, threads=threads) as settings:
            found = estimating.estimate(
                looks,
                bundle,
                settings,
                n_samples=len(samples),
                n_bytes=n_bytes,
                shard_frames=shard_frames,
                folder=folder,
                tell=lambda line: say(f"virnucpro: {line}", to_stderr=True),
            )
    if settings.device.type == "cpu":
        machine = f"{describe_machine()['cpu_model']}, {torch.get_num_threads()} threads"
    else:
        machine = f"{torch.cuda.get_device_name(settings.device)} ({settings.device})"
    say(
        estimating.render_estimate(
            found, f"{machine}, with {bundle.name} in {settings.precision.value}"
        )
    )
