"""Suite ``v2-throughput``: which loader, token budget and packing is the fastest here."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from virnucpro_core.benchmarking._encoder_bench import (
    KINDS,
    EncoderBench,
    make_shards,
    open_bench,
)
from virnucpro_core.benchmarking._suite_report import Panel, Point, SuiteReport, Target
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.benchmarking._suites import Say
from virnucpro_core.embedding import loader_processes
from virnucpro_core.store import ShardStrings

__all__ = ["measure"]

_RECORDS, _QUICK_RECORDS = 10_000, 400
_BUDGET_FACTORS, _QUICK_BUDGET_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0), (0.25, 1.0, 4.0)
_PROCESSES, _QUICK_PROCESSES = (0, 1, 2), (0, 1)
LEAST_OF_BEST = 0.9
LEAST_OF_PACKING = 1.0


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run the engine.

    Attributes:
        token_budget: tokens in a batch.
        n_processes: processes of the loader; 0 for a thread.
        packed: whether sequences share batches.
    """

    token_budget: int
    n_processes: int
    packed: bool

    def __str__(self) -> str:
        loader = {0: "thread", 1: "1 process"}.get(
            self.n_processes, f"{self.n_processes} processes"
        )
        batch = f"{self.token_budget} tokens a batch" if self.packed else "one frame a batch"
        return f"{batch}, loader: {loader}"


def measure(settings: SuiteSettings, say: Say) -> SuiteReport:
    """Embed the frames of reads under every setting, in turn."""
    resolved = settings.embed_settings()
    n_records = _QUICK_RECORDS if settings.quick else _RECORDS
    panels, targets, notes = [], [], list(_NOTES)
    with tempfile.TemporaryDirectory() as name:
        shard = make_shards(settings, n_records, Path(name), shard_frames=1_000_000)[0]
        for kind in KINDS:
            bench = open_bench(settings.model, kind, resolved)
            strings = ShardStrings(shard, "nucleotides" if kind == "dna" else "proteins")
            budget = resolved.budget_for(bench.encoder)
            usual = Setting(budget, loader_processes(strings, resolved), True)
            every = _every_setting(usual, settings.quick)
            say(f"{bench.name}: {len(every)} settings, {settings.rounds} rounds")
            speeds = _measure(bench, strings, every, settings.rounds)
            points = {each: Point(str(each), tuple(speeds[each])) for each in every}
            panels.append(
                Panel(f"{bench.name}, tokens per second", "tokens/s", (*points.values(),), "higher")
            )
            best = max(points, key=lambda each: points[each].median)
            notes.append(f"{bench.name} is fastest with {best}; the usual setting is {usual}.")
            alone = points[replace(usual, packed=False)]
            targets += [
                Target(
                    f"the usual setting over the best, {bench.name}",
                    "at least",
                    LEAST_OF_BEST,
                    points[usual].median / points[best].median,
                    "nobody should have to search for a setting; a tenth for the spread",
                ),
                Target(
                    f"packed over one frame a batch, {bench.name}",
                    "at least",
                    LEAST_OF_PACKING,
                    points[usual].median / alone.median,
                    "packing must never cost anything; on a CPU with encoders of published "
                    "shapes it gives a sixth (docs/performance.md), on a device far more",
                ),
            ]
    return SuiteReport(
        suite="v2-throughput",
        settings={**settings.to_json(), "records": n_records},
        panels=panels,
        targets=targets,
        notes=notes,
    )


_NOTES = (
    "How far the loader runs ahead is no setting: two blocks of up to 4,096 sequences for each "
    "process, two for the thread.",
    "A process of the loader imports torch before it begins: that is in its seconds, as in those "
    "of every task, and outweighs a small input.",
)


def _every_setting(usual: Setting, quick: bool) -> list[Setting]:
    factors = _QUICK_BUDGET_FACTORS if quick else _BUDGET_FACTORS
    processes = sorted({usual.n_processes, *(_QUICK_PROCESSES if quick else _PROCESSES)})
    found = [
        replace(usual, token_budget=round(usual.token_budget * factor), n_processes=n)
        for factor in factors
        for n in (processes if factor == 1.0 or not quick else [usual.n_processes])
    ]
    return [*found, replace(usual, packed=False)]


def _measure(
    bench: EncoderBench, strings: ShardStrings, every: list[Setting], rounds: int
) -> dict[Setting, list[float]]:
    """Tokens a second of every setting, round by round after one to warm up."""
    speeds: dict[Setting, list[float]] = {each: [] for each in every}
    for number in range(-1, rounds):
        for each in every:
            told = replace(bench.settings, token_budget=each.token_budget, packed=each.packed)
            done = bench.embed(strings, told, n_processes=each.n_processes)
            if number >= 0:
                speeds[each].append(done.n_tokens / done.seconds)
    return speeds
