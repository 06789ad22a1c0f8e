"""Suite ``scaling``: seconds and memory over the number of records."""

from __future__ import annotations

import statistics

from virnucpro_core.benchmarking._end_to_end import Work, measure_end_to_end
from virnucpro_core.benchmarking._fresh_process import in_fresh_process
from virnucpro_core.benchmarking._suite_report import Check, Panel, Point, SuiteReport, Target
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.benchmarking._suites import Say

__all__ = ["measure"]

_MULTIPLES = (1, 2, 4)
_RECORDS, _QUICK_RECORDS = 2_500, 200
# So few that the smallest input fills one: what grows with the shard does not grow with the input.
_SHARD_FRAMES, _QUICK_SHARD_FRAMES = 1_000, 80
LEAST_R2 = 0.99
MOST_TIME_RATIO = 4.4
MOST_MEMORY_RATIO = 1.25


def measure(settings: SuiteSettings, say: Say) -> SuiteReport:
    """Run all steps on one, two and four times the records, each in a process of its own."""
    n_records = _QUICK_RECORDS if settings.quick else _RECORDS
    shard_frames = _QUICK_SHARD_FRAMES if settings.quick else _SHARD_FRAMES
    seconds: list[Point] = []
    memory: list[Point] = []
    checks: list[Check] = []
    frames: list[int] = []
    for multiple in _MULTIPLES:
        n = multiple * n_records
        say(f"{n} records from reads to calls, {settings.rounds} times")
        work = Work(n, shard_frames=shard_frames, rounds=settings.rounds)
        runs = in_fresh_process(measure_end_to_end, settings, work)
        frames.append(runs[0].n_frames)
        seconds.append(Point(f"{n} records", tuple(run.wall_seconds for run in runs), n))
        peaks = [run.peak_bytes / 1e6 for run in runs if run.peak_bytes is not None]
        if peaks:
            memory.append(Point(f"{n} records", tuple(peaks), n))
        found = runs[0].n_records
        checks.append(Check(f"all of {n} records are read", found == n, f"{found}"))
    panels = [Panel("Seconds over records", "s", tuple(seconds), "lower", "records")]
    if memory:
        panels.append(Panel("Peak memory over records", "MB", tuple(memory), "lower", "records"))
    medians = [point.median for point in seconds]
    r2 = statistics.correlation([float(n) for n in frames], medians) ** 2
    # Per frame: copies of records have not exactly as many as the originals.
    ratio = medians[-1] / medians[0] * (frames[0] * _MULTIPLES[-1] / frames[-1])
    no_memory = "" if memory else "this system does not tell"
    return SuiteReport(
        suite="scaling",
        settings={**settings.to_json(), "records": n_records, "shard_frames": shard_frames},
        panels=panels,
        targets=[
            Target(
                "R² of seconds against frames",
                "at least",
                LEAST_R2,
                r2,
                "every step goes through its input once: seconds are a line",
            ),
            Target(
                "seconds for four times the records over seconds for one time",
                "at most",
                MOST_TIME_RATIO,
                ratio,
                "four, and a tenth for the spread; loading weights makes it less than four",
            ),
            Target(
                "peak memory for four times the records over that for one time",
                "at most",
                MOST_MEMORY_RATIO,
                memory[-1].median / memory[0].median if memory else None,
                "memory is bounded by the shard, not by the input; a quarter for what the "
                "allocators keep",
                no_memory,
            ),
        ],
        checks=checks,
        notes=[f"Frames: {', '.join(map(str, frames))}; shards of {shard_frames} frames."],
    )
