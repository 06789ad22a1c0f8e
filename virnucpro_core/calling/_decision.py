"""The rule that makes a record a virus: a least score, a least probability, or a largest q-value.

Shape letters: ``R`` records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import Calibration
from virnucpro_core.errors import UsageError

__all__ = ["DEFAULT_THRESHOLD", "PRESETS", "Decision", "choose_decision", "usable_decision"]

Rule = Literal["threshold", "preset", "fdr"]

DEFAULT_THRESHOLD = 0.5
PRESETS = {"sensitive": 0.2, "balanced": 0.5, "strict": 0.9}
"""Least probability of a virus.

With cut-off c calls cost least where a missed virus costs (1 - c) / c times as much as a false one:
4 times, as much, and a ninth (Elkan 2001, "The foundations of cost-sensitive learning").
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """A rule and its cut-off, which itself is a virus.

    Attributes:
        rule: what is compared: ``"threshold"`` the virus score, ``"preset"`` the probability,
            ``"fdr"`` the q-value.
        cutoff: 0 to 1.
        preset: name of the preset.

    Raises:
        UsageError: the cut-off is not between 0 and 1.
    """

    rule: Rule
    cutoff: float
    preset: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.cutoff <= 1:
            raise UsageError(f"the {self.rule} is {self.cutoff}", remedy="give one from 0 to 1")

    @classmethod
    def of_preset(cls, name: str) -> Decision:
        """The rule of one of `PRESETS`.

        Raises:
            UsageError: there is none of that name.
        """
        if name not in PRESETS:
            raise UsageError(f"the preset is '{name}'", remedy=f"give one of {', '.join(PRESETS)}")
        return cls("preset", PRESETS[name], name)

    def is_virus(
        self,
        virus_score: NDArray[np.float64],
        probability: NDArray[np.float64],
        q_value: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """bool [R]; False where the number that decides is NaN."""
        called: NDArray[np.bool_]
        if self.rule == "threshold":
            called = virus_score >= self.cutoff
        elif self.rule == "preset":
            called = probability >= self.cutoff
        else:
            called = q_value <= self.cutoff
        return called


def choose_decision(
    threshold: float | None, preset: str | None, fdr: float | None
) -> Decision | None:
    """The rule that the options name; None where they name none.

    Raises:
        UsageError: they name two, or a cut-off or preset that there is not.
    """
    given = [
        f"--{name}"
        for name, value in (("threshold", threshold), ("preset", preset), ("fdr", fdr))
        if value is not None
    ]
    if len(given) > 1:
        raise UsageError(
            f"{' and '.join(given)} are different rules for what is a virus", remedy="give one"
        )
    if preset is not None:
        return Decision.of_preset(preset)
    if fdr is not None:
        return Decision("fdr", fdr)
    return None if threshold is None else Decision("threshold", threshold)


def usable_decision(decision: Decision | None, calibration: Calibration | None) -> Decision:
    """``decision``, or the default one of a model with or without a ``calibration``.

    Raises:
        UsageError: the rule needs probabilities, which a model without a calibration lacks.
    """
    if decision is None:
        calibrated = calibration is not None
        return (
            Decision.of_preset("balanced")
            if calibrated
            else Decision("threshold", DEFAULT_THRESHOLD)
        )
    if calibration is None and decision.rule != "threshold":
        raise UsageError(
            f"--{decision.rule} needs probabilities, and the model is not calibrated",
            remedy="call by --threshold, or take a model with a calibration",
        )
    return decision
