"""What became of a disturbed run, and the table of many."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

__all__ = ["Outcome", "heed_interrupts", "table"]


def heed_interrupts() -> None:
    """What is started in the background of a shell ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(slots=True)
class Outcome:
    """A run that was disturbed until it was done.

    Attributes:
        kind: how it was disturbed.
        seed: what decided when.
        faults: disturbances that ended, or paused, an attempt, a task or the head.
        wrong: what was not as in the undisturbed run; empty for a run that survived.
        lost_seconds: for every KILL of an attempt that had committed a part: the time from its last
            part to the kill, which is the work that is done again.
        seconds: wall time of all attempts.
    """

    kind: str
    seed: int
    faults: int = 0
    wrong: list[str] = field(default_factory=list)
    lost_seconds: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        verdict = "; ".join(self.wrong) or "identical"
        return (
            f"{self.kind} (seed {self.seed}): {self.faults} faults, {self.seconds:.0f} s, {verdict}"
        )


def table(outcomes: Sequence[Outcome]) -> str:
    """A Markdown table with a row for each kind and one for all."""
    lines = [
        "| disturbance | runs | faults that hit | identical results | redone, s: median (most) |",
        "|---|---|---|---|---|",
    ]
    kinds = list(dict.fromkeys(outcome.kind for outcome in outcomes))
    groups = [(kind, [o for o in outcomes if o.kind == kind]) for kind in kinds]
    for name, group in [*groups, ("**all**", list(outcomes))]:
        lost = [seconds for outcome in group for seconds in outcome.lost_seconds]
        redone = f"{median(lost):.2f} ({max(lost):.2f})" if lost else "–"
        survived = sum(not outcome.wrong for outcome in group)
        faults = sum(outcome.faults for outcome in group)
        lines.append(f"| {name} | {len(group)} | {faults} | {survived} | {redone} |")
    return "\n".join(lines) + "\n"
