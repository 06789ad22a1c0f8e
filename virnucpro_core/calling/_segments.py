"""Maximal scoring segments of a sequence of numbers.

Source: Ruzzo & Tompa 1999, "A linear time algorithm for finding all maximal scoring subsequences".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["maximal_segments"]


@dataclass(frozen=True, slots=True)
class _Segment:
    """Numbers ``start`` to ``stop`` (exclusive); the sum of all before it, and up to its end."""

    start: int
    stop: int
    sum_before: float
    sum_through: float


def maximal_segments(scores: Iterable[float]) -> list[tuple[int, int]]:
    """All disjoint segments whose sum no extension and no part of them exceeds, ``(start, stop)``.

    They begin and end with a positive number; one that is negative lies inside where both sides
    outweigh it: ``[4, -5, 3, -3, 1, 2, -2, 2, -2, 1, 5]`` has (0, 1), (2, 3) and (4, 11).
    """
    found: list[_Segment] = []
    # Segments before this place can no longer grow: the sum has fallen below where they begin.
    settled = 0
    total = 0.0
    for place, score in enumerate(scores):
        before, total = total, total + score
        if score <= 0:
            continue
        segment = _Segment(place, place + 1, before, total)
        while True:
            at = len(found) - 1
            while at >= settled and found[at].sum_before >= segment.sum_before:
                at -= 1
            if at < settled:
                settled = len(found)
                break
            if found[at].sum_through >= segment.sum_through:
                break
            segment = _Segment(
                found[at].start, segment.stop, found[at].sum_before, segment.sum_through
            )
            del found[at:]
        found.append(segment)
    return [(segment.start, segment.stop) for segment in found]
