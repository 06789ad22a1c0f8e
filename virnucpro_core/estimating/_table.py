"""An estimate as text."""

from __future__ import annotations

from virnucpro_core._progress import format_clock
from virnucpro_core.estimating._estimate import Estimate, StageEstimate
from virnucpro_core.estimating._spread import Spread
from virnucpro_core.reporting import STAGES

__all__ = ["render_estimate"]

_WIDTH = max(map(len, STAGES))
_HEAD = f"{'Stage':<{_WIDTH}} {'Seconds':>12} {'Range':>21} {'Sequences':>14} {'Tokens':>17}"


def render_estimate(estimate: Estimate, machine: str) -> str:
    """The estimate as text: what there is, a row a stage, the total as HH:MM:SS, the memory.

    Args:
        estimate: what to tell.
        machine: what it was measured on.
    """
    lines = [*_reads(estimate), f"Measured on {machine}", "", f"{_HEAD} {'Memory':>9}"]
    lines += map(_row, estimate.stages)
    if estimate.n_tasks:
        loading = f"{'Loading of weights':<{_WIDTH}} {_seconds(estimate.loading)}"
        lines.append(f"{loading}   in {estimate.n_tasks:,} tasks")
    total = estimate.seconds
    lines += [
        f"Expected time:   {format_clock(total.likely)} "
        f"({format_clock(total.low)} to {format_clock(total.high)}), one task after another on "
        "this machine",
        f"Expected memory: {_bytes(estimate.memory_bytes)} for the largest task",
    ]
    if estimate.device_bytes is not None:
        lines.append(f"Device memory:   {_bytes(estimate.device_bytes)}")
    return "\n".join(lines) + "\n"


def _reads(estimate: Estimate) -> list[str]:
    total, seen = estimate.total, estimate.seen
    samples = f"{estimate.n_samples:,} sample{'s' if estimate.n_samples != 1 else ''}"
    if estimate.n_looked_at < estimate.n_samples:
        samples += f", {estimate.n_looked_at} of them looked at"
    counts = (
        f"{total.records:,} records of {total.bases:,} bases, {total.windows:,} windows, "
        f"{total.frames:,} frames"
    )
    if estimate.error == 0 and seen == total:
        return [f"{samples}: {counts} (all read)"]
    share = seen.bases / total.bases if total.bases else 0.0
    return [
        f"{samples}: about {counts}",
        f"Extrapolated from {seen.records:,} records ({share:.2%} of the bases); the counts may "
        f"be off by {estimate.error:.0%}",
    ]


def _row(stage: StageEstimate) -> str:
    return (
        f"{stage.name:<{_WIDTH}} {_seconds(stage.seconds)} {stage.sequences:>14,} "
        f"{stage.tokens:>17,} {_bytes(stage.memory_bytes):>9}"
    )


def _seconds(spread: Spread) -> str:
    between = f"{spread.low:,.1f} - {spread.high:,.1f}"
    return f"{spread.likely:>12,.1f} {between:>21}"


def _bytes(n_bytes: int | None) -> str:
    return "-" if n_bytes is None else f"{n_bytes / 1e9:.1f} GB"
