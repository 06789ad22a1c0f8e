"""Which settings suit this machine: frames a second by token budget and number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import torch

from virnucpro_core._limits import available_cpus
from virnucpro_core.embedding import (
    EmbedSettings,
    EncoderSource,
    embed,
    frames_to_time,
)
from virnucpro_core.store import ByteStrings

__all__ = ["Profile", "Trial", "measure_profile"]

_WORTH_IT = 1.1
"""Below this gain a setting is not recommended: rounds differ by as much."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting and how fast it was.

    Attributes:
        token_budget: tokens in a batch.
        threads: of the encoder, on a CPU.
        frames_per_second: median over the rounds.
    """

    token_budget: int
    threads: int
    frames_per_second: float


@dataclass(frozen=True, slots=True)
class Profile:
    """An encoder at several settings.

    Attributes:
        encoder: its name.
        precision: number format.
        device: where it ran.
        frames: frames of a round.
        chosen: the setting that is taken when nothing is said; one of ``trials``.
        trials: all settings.
    """

    encoder: str
    precision: str
    device: str
    frames: int
    chosen: Trial
    trials: tuple[Trial, ...]

    @property
    def advice(self) -> str:
        """What to set, if anything."""
        best = max(self.trials, key=lambda trial: trial.frames_per_second)
        gain = best.frames_per_second / self.chosen.frames_per_second
        if gain < _WORTH_IT:
            return "nothing to set: no other setting is faster by a tenth"
        words = []
        if best.token_budget != self.chosen.token_budget:
            words.append(f"--token_budget {best.token_budget}")
        if best.threads != self.chosen.threads:
            words.append(f"VIRNUCPRO_THREADS={best.threads}")
        return f"{' and '.join(words)}: {gain:.2f} times as fast as what is chosen by itself"

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "advice": self.advice}

    def __str__(self) -> str:
        lines = [
            f"{self.encoder}, {self.precision} on {self.device}, {self.frames} frames a round",
            "  token budget  threads  frames/s",
        ]
        for trial in self.trials:
            mark = "  (chosen by itself)" if trial == self.chosen else ""
            rate = f"{trial.frames_per_second:8.1f}{mark}"
            lines.append(f"  {trial.token_budget:12}  {trial.threads:7}  {rate}")
        return "\n".join([*lines, f"  {self.advice}"])


def measure_profile(
    source: EncoderSource,
    frames: ByteStrings,
    settings: EmbedSettings,
    *,
    seconds: float = 1.0,
    rounds: int = 3,
    tell: Callable[[str], None] = lambda line: None,
) -> Profile:
    """Embed the same frames with each setting, the settings taking turns.

    Args:
        source: the encoder.
        frames: at least one, different ones.
        settings: device, number format and attention; its budget is what the others are compared
            with.
        seconds: what a measurement takes at least, if there are frames enough.
        rounds: measurements of each setting.
        tell: called with a line before the measuring.

    Raises:
        VirnucproError: as `embed` does.
    """
    threads = torch.get_num_threads()
    encoder, tokenizer = source.load_encoder(settings), source.load_tokenizer()
    budget = settings.budget_for(encoder)

    def run(some: ByteStrings, token_budget: int) -> float:
        tried = replace(settings, token_budget=token_budget)
        return embed(some, encoder, tokenizer, tried, layer=source.layer).seconds

    tell(f"timing {source.name}")
    some = frames_to_time(frames, seconds, lambda some: run(some, budget))
    tried = list(_settings(budget, threads, settings))
    rates: dict[tuple[int, int], list[float]] = {each: [] for each in tried}
    try:
        for _ in range(rounds):
            for token_budget, n_threads in tried:
                torch.set_num_threads(n_threads)
                rates[token_budget, n_threads].append(len(some) / run(some, token_budget))
    finally:
        torch.set_num_threads(threads)
    trials = tuple(Trial(*each, median(rates[each])) for each in tried)
    return Profile(
        encoder=source.name,
        precision=settings.precision.value,
        device=str(settings.device),
        frames=len(some),
        chosen=next(t for t in trials if (t.token_budget, t.threads) == (budget, threads)),
        trials=trials,
    )


def _settings(budget: int, threads: int, settings: EmbedSettings) -> Iterator[tuple[int, int]]:
    """Budgets from a quarter to four times of what is chosen; on a CPU then fewer threads."""
    for factor in (0.25, 0.5, 1, 2, 4):
        yield max(64, round(budget * factor)), threads
    if settings.device.type == "cpu":
        for fewer in sorted({1, available_cpus() // 2} - {0, threads}):
            yield budget, fewer
