"""Options of the commands that make a training dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "FramesOption",
    "GenomesArgument",
    "KeepOverlapOption",
    "LongestOption",
    "ShortestOption",
    "SimilarityOption",
    "TestLengthOption",
    "TestOption",
    "ValidationOption",
    "WindowSizeOption",
    "WindowsOption",
]

GenomesArgument = Annotated[
    Path, typer.Argument(help="Sheet with file,label,group, or a folder with viral/ and cellular/.")
]
WindowsOption = Annotated[int, typer.Option(help="Windows with a frame, for each class.")]
ShortestOption = Annotated[int, typer.Option(help="Shortest window in bases.")]
LongestOption = Annotated[int, typer.Option(help="Longest window in bases.")]
TestLengthOption = Annotated[
    list[int],
    typer.Option(help="Length of the test windows, in place of the range; can be repeated."),
]
WindowSizeOption = Annotated[
    int | None, typer.Option(help="Tiles of this size, as VirNucPro's, in place of a range.")
]
FramesOption = Annotated[
    str, typer.Option(help="all: every frame; cds: the complete ones in annotated genes.")
]
ValidationOption = Annotated[float, typer.Option(help="Share kept for choosing.")]
TestOption = Annotated[float, typer.Option(help="Share kept for the figures.")]
SimilarityOption = Annotated[
    float | None, typer.Option(help="Share of protein k-mers from which genomes are kin.")
]
KeepOverlapOption = Annotated[
    bool, typer.Option("--keep-overlap", help="Keep windows that are also in a virus.")
]
