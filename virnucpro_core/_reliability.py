"""How strange a record may be for its call to be relied on: read from a bundle, carried by score
files, fitted by training.

Shape letters: ``R`` records.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import check_adjoining, range_of
from virnucpro_core._json_object import JsonObject

__all__ = ["N_CODON_FREQUENCIES", "StrangenessLimit", "StrangenessLimits"]

N_CODON_FREQUENCIES = 3 * 64
"""Numbers that describe a frame: how often each triplet is in each phase."""


@dataclass(frozen=True, slots=True)
class StrangenessLimit:
    """The most of records whose windows are of some lengths.

    Attributes:
        min_length: shortest window, in bases.
        max_length: longest window, in bases; None for no end.
        virus: most strangeness of a record called virus, a log-odds.
        non_virus: most of a record called non-virus.
        windows: number of windows that both were fitted to.
    """

    min_length: int
    max_length: int | None
    virus: float
    non_virus: float
    windows: int


@dataclass(frozen=True, slots=True)
class StrangenessLimits:
    """How strange records may be, by the length of their windows and by their call.

    Attributes:
        ranges: ascending and adjoining, from length 1 to no end.
    """

    ranges: tuple[StrangenessLimit, ...]

    @classmethod
    def parse(cls, document: object, where: str) -> StrangenessLimits:
        """Read an object with ``limits``, as `to_json` makes it.

        Args:
            document: what the JSON parser returned.
            where: the file, for messages.

        Raises:
            BundleError: a key is missing, unexpected, of the wrong type or out of its range.
        """
        entry = JsonObject(document, "reliability", where)
        limits = cls.take(entry)
        entry.finish()
        return limits

    @classmethod
    def take(cls, entry: JsonObject) -> StrangenessLimits:
        """Read the ``limits`` of an object.

        Raises:
            BundleError: a key is missing, unexpected, of the wrong type or out of its range.
        """
        ranges = tuple(_limit(item) for item in entry.take_objects("limits"))
        check_adjoining(entry, "limits", [(item.min_length, item.max_length) for item in ranges])
        return cls(ranges)

    def to_json(self) -> dict[str, Any]:
        """The object that `parse` reads."""
        return {"limits": [asdict(item) for item in self.ranges]}

    def is_beyond(
        self,
        strangeness: NDArray[np.float64],
        window_length: NDArray[np.int64],
        is_virus: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        """bool [R], whether records are stranger than those that calls can be relied on for.

        Args:
            strangeness: float64 [R], NaN where nothing was scored, which is not beyond.
            window_length: int64 [R], of the windows of each record, in bases.
            is_virus: bool [R], the calls.
        """
        which = range_of([item.min_length for item in self.ranges], window_length)
        limits = np.array([(item.non_virus, item.virus) for item in self.ranges])
        beyond: NDArray[np.bool_] = strangeness > limits[which, is_virus.astype(np.int64)]
        return beyond


def _limit(entry: JsonObject) -> StrangenessLimit:
    item = StrangenessLimit(
        min_length=entry.take("min_length", int),
        max_length=entry.take_optional_int("max_length"),
        virus=entry.take_number("virus"),
        non_virus=entry.take_number("non_virus"),
        windows=entry.take("windows", int),
    )
    entry.finish()
    if item.windows < 0:
        raise entry.error(f"{entry.path('windows')} must be at least 0, not {item.windows}")
    return item
