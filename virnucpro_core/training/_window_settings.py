"""What windows a dataset is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.errors import UsageError

__all__ = ["WindowSettings"]

_FRAMES = ("all", "cds")


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """How windows are drawn.

    Attributes:
        windows: windows with a frame for each class, over all three parts.
        shortest, longest: in bases; each length between them is as likely.
        tile: None, or a size: windows are then those that the pipeline cuts records into.
        frames: ``"all"`` for every frame, ``"cds"`` for those within an annotated coding sequence,
            on its strand and in its phase.
        keep_overlap: whether windows are kept that touch what is also in a virus of the set.
        seed: of the draw and of the split.
        test_lengths: lengths of the test windows in bases, each as likely; none for the same as of
            the others.
        frame_rule: which frames a window has.
    """

    windows: int = 20_000
    shortest: int = 100
    longest: int = 500
    tile: int | None = None
    frames: str = "all"
    keep_overlap: bool = False
    seed: int = 1
    test_lengths: tuple[int, ...] = ()
    frame_rule: FrameRule = "complete"

    def __post_init__(self) -> None:
        if self.windows < 1:
            raise UsageError(f"{self.windows} windows are no positive number")
        if self.shortest < 3:
            raise UsageError(f"windows of {self.shortest} bases are shorter than a codon")
        if self.longest < self.shortest:
            raise UsageError(
                f"the longest window ({self.longest}) is shorter than the shortest "
                f"({self.shortest})"
            )
        if self.test_lengths and min(self.test_lengths) < 3:
            raise UsageError(f"windows of {min(self.test_lengths)} bases are shorter than a codon")
        if self.test_lengths and max(self.test_lengths) > self.longest:
            raise UsageError(
                f"test windows of {max(self.test_lengths)} bases are longer than all others, at "
                f"most {self.longest}",
                remedy="name shorter ones, or allow longer windows",
            )
        if self.test_lengths and self.tile is not None:
            raise UsageError("tiles have the length that they have: name no test lengths")
        if self.tile is not None and self.tile < 3:
            raise UsageError(f"a window size of {self.tile} bases is shorter than a codon")
        if self.frames not in _FRAMES:
            raise UsageError(f"no frames {self.frames!r}", remedy=f"use {' or '.join(_FRAMES)}")
        if self.frames == "cds" and self.frame_rule != "complete":
            raise UsageError(
                f"frames of annotated genes (cds) are complete ones, and the frame rule is "
                f"{self.frame_rule}",
                remedy="choose the frame rule complete, or the frames all",
            )

    def to_json(self) -> Mapping[str, Any]:
        """As in ``dataset.json``."""
        settings = {**asdict(self), "test_lengths": list(self.test_lengths)}
        # What a dataset without the key means is not written: such datasets keep their digests.
        if self.frame_rule == "complete":
            del settings["frame_rule"]
        return settings

    def lengths(self, part: str) -> NDArray[np.int64]:
        """Lengths in bases of the windows of a part, int64; each is as likely."""
        if part == "test" and self.test_lengths:
            return np.array(self.test_lengths)
        return np.arange(self.shortest, self.longest + 1)

    @property
    def window_size(self) -> int:
        """Length of the longest windows, in bases."""
        return self.longest if self.tile is None else self.tile
