"""Suite ``memory``: the most memory at once, over the token budget and over the input."""

from __future__ import annotations

from virnucpro_core.benchmarking._end_to_end import EndToEnd, Work, measure_end_to_end
from virnucpro_core.benchmarking._fresh_process import in_fresh_process
from virnucpro_core.benchmarking._suite_report import Panel, Point, SuiteReport, Target
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.benchmarking._suites import Say
from virnucpro_core.benchmarking._v2_validation import memory_target
from virnucpro_core.errors import VirnucproError

__all__ = ["measure"]

_BUDGETS = (256, 1_024, 4_096, 16_384)
_RECORDS, _QUICK_RECORDS = 1_000, 150
_MULTIPLES = (1, 4)
_SHARD_FRAMES, _QUICK_SHARD_FRAMES = 400, 60
MOST_RATIO = 1.25


def measure(settings: SuiteSettings, say: Say) -> SuiteReport:
    """Run all steps once at each budget and each size, in a process of its own every time.

    Raises:
        VirnucproError: the system does not tell how much memory a process takes.
    """
    n_records = _QUICK_RECORDS if settings.quick else _RECORDS
    shard_frames = _QUICK_SHARD_FRAMES if settings.quick else _SHARD_FRAMES
    budgets = _BUDGETS[1:] if settings.quick else _BUDGETS
    by_budget, by_size = [], []
    for budget in budgets:
        say(f"{n_records} records, {budget} tokens in a batch")
        work = Work(n_records, token_budget=budget, shard_frames=shard_frames)
        run = in_fresh_process(measure_end_to_end, settings, work)[0]
        by_budget += _points(f"{budget} tokens", budget, run)
    sizes = [multiple * n_records for multiple in _MULTIPLES]
    runs = []
    for n in sizes:
        say(f"{n} records, the token budget of this machine")
        work = Work(n, shard_frames=shard_frames)
        runs.append(in_fresh_process(measure_end_to_end, settings, work)[0])
        by_size += _points(f"{n} records", n, runs[-1])
    small, large = (_peak(run) for run in runs)
    return SuiteReport(
        suite="memory",
        settings={**settings.to_json(), "records": n_records, "shard_frames": shard_frames},
        panels=[
            Panel(
                "Peak memory over the token budget",
                "MB",
                tuple(by_budget),
                "lower",
                "tokens in a batch",
            ),
            Panel("Peak memory over the input", "MB", tuple(by_size), "lower", "records"),
        ],
        targets=[
            Target(
                f"peak memory for {sizes[-1]} records over that for {sizes[0]}",
                "at most",
                MOST_RATIO,
                large / small,
                "memory is bounded by the shard, not by the input; a quarter for what the "
                "allocators keep",
            ),
            memory_target(runs[-1:]),
        ],
        notes=[
            "Python with torch takes a few hundred MB before anything is read.",
            "The token budget is asked for; a sequence longer than it has a batch of its own.",
        ],
    )


def _points(name: str, at: float, run: EndToEnd) -> list[Point]:
    points = [Point(f"{name}, process", (_peak(run),), at, "process")]
    if run.device_bytes is not None:
        points.append(Point(f"{name}, device", (run.device_bytes / 1e6,), at, "device"))
    return points


def _peak(run: EndToEnd) -> float:
    """MB of the process."""
    if run.peak_bytes is None:
        raise VirnucproError(
            "this system does not tell how much memory a process takes",
            where="/proc/self/status",
            remedy="leave the suite memory out here",
        )
    return run.peak_bytes / 1e6
