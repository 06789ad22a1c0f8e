"""Sequences that the encoders are measured on: random, the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["DNA", "SHORT_PROTEINS", "VARIED_PROTEINS", "Workload"]

_SEED = 20
_LETTERS = {"protein": "LAGVSERTIDPKQNFYMHWC", "dna": "ACGT"}


@dataclass(frozen=True, slots=True)
class Workload:
    """Random sequences with uniformly distributed lengths.

    Attributes:
        name: what tables call it.
        kind: ``"dna"`` or ``"protein"``.
        shortest, longest: letters.
        share: how many sequences, as a share of the number that a run is asked for.
    """

    name: str
    kind: Literal["dna", "protein"]
    shortest: int
    longest: int
    share: float = 1.0

    def sequences(self, number: int) -> list[str]:
        """The sequences of a run that is asked for ``number``; at least two."""
        rng = np.random.default_rng(_SEED)
        count = max(2, round(number * self.share))
        letters = np.array(list(_LETTERS[self.kind]))
        lengths = rng.integers(self.shortest, self.longest + 1, count)
        return ["".join(rng.choice(letters, length)) for length in lengths]


SHORT_PROTEINS = Workload("proteins of 98–100 aa", "protein", 98, 100)
# Half as many, so that both workloads have about as many residues.
VARIED_PROTEINS = Workload("proteins of 20–400 aa", "protein", 20, 400, share=0.5)
DNA = Workload("DNA of 290–300 nt", "dna", 290, 300, share=2.0)
