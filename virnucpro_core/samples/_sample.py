"""A sample: a name and its files."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of a samplesheet.

    Attributes:
        name: part of every file name of its results.
        files: absolute paths or URLs, in reading order; of a paired sample in turn those of the
            first and of the second mates.
        paired: whether the files are pairs.
        row: first row of the sheet that names it.
    """

    name: str
    files: tuple[str, ...]
    paired: bool
    row: int
