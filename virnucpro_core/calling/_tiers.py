"""How far a call can be relied on, by its probability and by how much was scored.

Shape letters: ``R`` records.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tier", "tier_reason", "tiers"]


class Tier(IntEnum):
    """Tiers of calls, from the least to the most reliable."""

    NOT_SCORABLE = 0
    UNFAMILIAR = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4

    @property
    def label(self) -> str:
        """As it stands in the results."""
        return self.name.lower().replace("_", "-")


# Tier: least probability of the call, least number of scored bases. A shorter record has so few
# codons that its windows were few or other ones when the calibration was fitted.
_NEEDS = {Tier.MEDIUM: (0.9, 100), Tier.HIGH: (0.99, 300)}


_UNFAMILIAR = (
    "unlike the genomes that the model knows: its codons look like those of random letters"
)


def tiers(
    probability: NDArray[np.float64],
    is_virus: NDArray[np.bool_],
    scored_length: NDArray[np.int64],
    is_unfamiliar: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """uint8 [R], a `Tier` for each record.

    Args:
        probability: float64 [R], of being a virus; NaN where nothing was scored.
        is_virus: bool [R], the call.
        scored_length: int64 [R], bases in scored windows.
        is_unfamiliar: bool [R], whether the model knows nothing like a record, see
            `StrangenessLimits`; None where it cannot tell.
    """
    of_call = np.where(is_virus, probability, 1 - probability)
    result = np.where(np.isnan(probability), Tier.NOT_SCORABLE, Tier.LOW).astype(np.uint8)
    for tier, (least_probability, least_length) in _NEEDS.items():
        result[(of_call >= least_probability) & (scored_length >= least_length)] = tier
    if is_unfamiliar is not None:
        result[is_unfamiliar & (result != Tier.NOT_SCORABLE)] = Tier.UNFAMILIAR
    return result


def tier_reason(tier: Tier, probability: float, is_virus: bool, scored_length: int) -> str:
    """What a scored record lacks for the next tier; nothing for the highest."""
    if tier == Tier.HIGH:
        return ""
    if tier == Tier.UNFAMILIAR:
        return _UNFAMILIAR
    least_probability, least_length = _NEEDS[Tier(tier + 1)]
    lacks = []
    if (probability if is_virus else 1 - probability) < least_probability:
        lacks.append(f"the call's probability is below {least_probability}")
    if scored_length < least_length:
        lacks.append(f"fewer than {least_length} bases scored")
    return ", ".join(lacks)
