"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ModelOption", "OutdirOption", "SampleOption", "StagesOption"]

ModelOption = Annotated[
    str, typer.Option("--model", help="Model: a directory, a name ('model list') or s3://….")
]
OutdirOption = Annotated[Path, typer.Option("--outdir", help="Where to write.")]
SampleOption = Annotated[str, typer.Option("--sample", help="Name of the sample.")]
StagesOption = Annotated[
    Path | None, typer.Option("--stages", help="Write the seconds of each stage to this file.")
]
