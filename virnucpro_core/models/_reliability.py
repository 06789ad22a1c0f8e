"""What tells sequence of organisms from sequence that none has."""

from __future__ import annotations

from dataclasses import dataclass

from virnucpro_core._reliability import StrangenessLimits
from virnucpro_core.models._classifier import Classifier

__all__ = ["Reliability"]


@dataclass(frozen=True, slots=True)
class Reliability:
    """The ``reliability`` of a bundle, loaded.

    Attributes:
        network: from `virnucpro_core.calling.codon_frequencies` of a frame to two logits, of
            sequence of organisms and of random or shuffled letters.
        limits: how strange a record may be.
    """

    network: Classifier
    limits: StrangenessLimits
