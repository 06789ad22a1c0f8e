"""Every tolerance of these tests, with its reason. All are maximal absolute differences."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TOLERANCES"]


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Tolerances on values whose size is about 1.

    Attributes:
        peer: fp32 against another implementation on the same weights. It fuses, scales and pads
            differently, so each layer rounds differently; a wrong formula differs by 1e-2 or more.
        neighbour: fp32, a sequence alone against the same sequence in a batch. The formula is the
            same, but matrix products of other sizes sum in another order (of 2 rows, mostly).
        neighbour_fp64: the same in fp64, where that order hardly shows: whatever else does depend
            on the neighbours is larger.
        half_precision: bf16 weights and activations against fp32, relative to the largest value.
            bf16 keeps 8 bits, and the errors of four small layers add up to a few of the last.
    """

    peer: float = 1e-4
    neighbour: float = 1e-5
    neighbour_fp64: float = 1e-12
    half_precision: float = 5e-2


TOLERANCES = Tolerances()
