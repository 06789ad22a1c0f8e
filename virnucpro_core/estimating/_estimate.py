"""From a look at the reads and the machine's rates to what a run will take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil, sqrt
from operator import add
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

from virnucpro_core.estimating._look import UNKNOWN_ERROR, Counts, Look
from virnucpro_core.estimating._rates import (
    CallingRate,
    EncoderRate,
    RateSettings,
    measure_calling,
    measure_encoder,
    some_frames,
)
from virnucpro_core.estimating._spread import Spread
from virnucpro_core.reporting import STAGES

if TYPE_CHECKING:
    from virnucpro_core.embedding import EmbedSettings
    from virnucpro_core.models import Bundle, EncoderKind

__all__ = ["Estimate", "StageEstimate", "estimate"]

_NOTHING = Spread(0.0, 0.0, 0.0)
_FLOAT32 = 4


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """What one of the nine stages will take.

    Attributes:
        name: one of `STAGES`.
        seconds: sum over all tasks.
        sequences: windows, frames or records that go through.
        tokens: tokens to embed; 0 for stages that have none.
        memory_bytes: of a task; None where it was not measured.
    """

    name: str
    seconds: Spread
    sequences: int
    tokens: int = 0
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take on this machine, its tasks one after another.

    Attributes:
        n_samples: samples of the run.
        n_looked_at: how many of them were looked at.
        seen: what was read of them.
        total: what there is in all, extrapolated; exact where all was read.
        error: by which share ``total`` may be off; 0 where all was read.
        stages: one for each of `STAGES`, in their order.
        loading: seconds to load the weights in all embedding tasks, beside the stages.
        n_tasks: embedding tasks, of both encoders together.
        device_bytes: most memory of a CUDA device; None without one.
    """

    n_samples: int
    n_looked_at: int
    seen: Counts
    total: Counts
    error: float
    stages: tuple[StageEstimate, ...]
    loading: Spread
    n_tasks: int
    device_bytes: int | None

    @property
    def seconds(self) -> Spread:
        """All stages and the loading of weights."""
        return reduce(add, (stage.seconds for stage in self.stages), self.loading)

    @property
    def memory_bytes(self) -> int | None:
        """Memory of the largest task; None where none was measured."""
        return max(stage.memory_bytes or 0 for stage in self.stages) or None


def estimate(
    looks: Sequence[Look],
    bundle: Bundle,
    settings: EmbedSettings,
    *,
    n_samples: int,
    n_bytes: int,
    shard_frames: int,
    folder: Path,
    rates: RateSettings = RateSettings(),
    tell: Callable[[str], None] = lambda line: None,
) -> Estimate:
    """Measure this machine with frames of the looks, and extrapolate to all reads.

    Args:
        looks: of at least one sample.
        bundle: the model.
        settings: how the encoders run.
        n_samples: samples of the run, looked at or not.
        n_bytes: size of the files of all of them.
        shard_frames: frames in a shard, the work of an embedding task.
        folder: for files that are not needed afterwards.
        rates: how long is measured.
        tell: called with a line before each measurement.

    Raises:
        VirnucproError: the model cannot be used, or the machine has too little memory for it.
    """
    looked_bytes = sum(look.n_bytes for look in looks)
    factor = n_bytes / looked_bytes if len(looks) < n_samples and looked_bytes else 1.0
    seen = reduce(add, (look.seen for look in looks))
    total = reduce(add, (look.seen.scaled(1 / look.share) for look in looks)).scaled(factor)
    error = _error(looks, n_samples)
    prepared = tuple(
        Spread.of([factor * sum(look.seconds[stage] / look.share for look in looks)]).scaled(
            1.0, error
        )
        for stage in range(4)
    )
    memory = max((look.memory_bytes or 0 for look in looks), default=0) or None
    sequences = (total.windows, total.frames, total.frames, total.frames)
    stages = [
        StageEstimate(name, seconds, count, memory_bytes=memory)
        for name, seconds, count in zip(STAGES[:4], prepared, sequences, strict=True)
    ]
    fullest = max(looks, key=lambda look: look.seen.frames)
    if fullest.seen.frames == 0:
        stages += [StageEstimate(name, _NOTHING, 0) for name in STAGES[4:8]]
        stages.append(StageEstimate(STAGES[8], _NOTHING, total.records))
        return Estimate(n_samples, len(looks), seen, total, error, tuple(stages), _NOTHING, 0, None)
    encoders = {kind: _measure(fullest, bundle, kind, settings, rates, tell) for kind in _KINDS}
    tell("timing the calls")
    widths = {kind: rate.width for kind, rate in encoders.items()}
    calls = measure_calling(fullest, bundle, widths, folder)
    in_shard = min(shard_frames, total.frames)
    stages += _embedding(encoders, total, error, in_shard)
    stages += _calling(calls, sum(widths.values()), total, error, in_shard)
    n_shards = ceil(total.frames / shard_frames)
    loading = n_shards * sum(rate.load_seconds for rate in encoders.values())
    device = [rate.device_bytes for rate in encoders.values() if rate.device_bytes is not None]
    return Estimate(
        n_samples=n_samples,
        n_looked_at=len(looks),
        seen=seen,
        total=total,
        error=error,
        stages=tuple(stages),
        loading=Spread.of([loading]).scaled(1.0, error),
        n_tasks=len(encoders) * n_shards,
        device_bytes=max(device, default=None),
    )


_KINDS: tuple[EncoderKind, ...] = ("dna", "protein")


def _measure(
    look: Look,
    bundle: Bundle,
    kind: EncoderKind,
    settings: EmbedSettings,
    rates: RateSettings,
    tell: Callable[[str], None],
) -> EncoderRate:
    from virnucpro_core.embedding import EncoderSource

    source = EncoderSource(bundle, kind)
    tell(f"timing {source.name}")
    return measure_encoder(source, some_frames(look, kind), settings, rates)


def _embedding(
    encoders: dict[EncoderKind, EncoderRate], total: Counts, error: float, in_shard: int
) -> list[StageEstimate]:
    stages = []
    for name, (kind, rate) in zip(STAGES[4:6], encoders.items(), strict=True):
        letters = total.nucleotides if kind == "dna" else total.residues
        n_tokens = round(letters * rate.tokens_per_letter)
        memory = rate.memory_bytes
        if memory is not None:
            memory += in_shard * rate.width * _FLOAT32
        seconds = rate.seconds_per_token.scaled(n_tokens, error)
        stages.append(StageEstimate(name, seconds, total.frames, n_tokens, memory))
    return stages


def _calling(
    rate: CallingRate, width: int, total: Counts, error: float, in_shard: int
) -> list[StageEstimate]:
    memory = rate.classify_memory
    if memory is not None:
        # Both embeddings, and what they are merged into.
        memory += 2 * max(0, in_shard - rate.n_classified) * width * _FLOAT32
    each = (
        (STAGES[6], rate.merging_per_frame, total.frames, memory),
        (STAGES[7], rate.prediction_per_frame, total.frames, memory),
        (STAGES[8], rate.consensus_per_record, total.records, rate.consensus_memory),
    )
    return [
        StageEstimate(name, Spread.of([seconds]).scaled(count, error), count, memory_bytes=n_bytes)
        for name, seconds, count, n_bytes in each
    ]


def _error(looks: Sequence[Look], n_samples: int) -> float:
    """By which share the extrapolated counts may be off, two standard errors."""
    in_all = [look.seen.frames / look.share for look in looks]
    if not sum(in_all):
        return 0.0 if all(look.share == 1 for look in looks) else UNKNOWN_ERROR
    off = (look.error * frames for look, frames in zip(looks, in_all, strict=True))
    within = sqrt(sum(part**2 for part in off)) / sum(in_all)
    if len(looks) == n_samples:
        return within
    densities = [n / look.n_bytes for n, look in zip(in_all, looks, strict=True) if look.n_bytes]
    if len(densities) < 2:
        return max(within, UNKNOWN_ERROR)
    between = 2 * stdev(densities) / mean(densities) / sqrt(len(densities))
    return sqrt(within**2 + between**2 * (1 - len(looks) / n_samples))
