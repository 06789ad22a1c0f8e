"""Options that several commands share."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core._frame_rule import FrameRule, parse_frame_rule
from virnucpro_core.errors import UsageError

__all__ = [
    "FrameRuleOption",
    "ModelOption",
    "OptionalSampleOption",
    "OutdirOption",
    "SampleOption",
    "StagesOption",
    "check_choice",
    "check_counts",
    "check_outputs",
    "frame_rule_or",
    "make_output",
]

ModelOption = Annotated[
    str, typer.Option("--model", help="Model: a directory, a name ('model list') or s3://….")
]
FrameRuleOption = Annotated[
    str | None,
    typer.Option("--frame-rule", help="Frames of a window: complete or longest [the model's]."),
]
OutdirOption = Annotated[Path, typer.Option("--outdir", help="Where to write.")]
SampleOption = Annotated[str, typer.Option("--sample", help="Name of the sample.")]
OptionalSampleOption = Annotated[
    str | None, typer.Option("--sample", help="Name of the sample, unless a sheet names it.")
]
StagesOption = Annotated[
    Path | None, typer.Option("--stages", help="Write the seconds of each stage to this file.")
]


def frame_rule_or(own: FrameRule, asked: str | None) -> FrameRule:
    """What ``--frame-rule`` asks for, or the model's ``own`` rule.

    Raises:
        UsageError: there is no such rule.
    """
    return own if asked is None else parse_frame_rule(asked)


def check_choice(option: str, value: str, allowed: Sequence[str]) -> None:
    """Check that an option has one of the values that it may have.

    Raises:
        typer.BadParameter: it has another.
    """
    if value not in allowed:
        raise typer.BadParameter(f"{option} is {value!r}, it must be one of {', '.join(allowed)}")


def check_counts(shards: Sequence[Path], options: Mapping[str, Sequence[Path]]) -> None:
    """Check that there is a value of each option for each shard.

    Raises:
        UsageError: there are more or fewer.
    """
    for option, values in options.items():
        if len(values) != len(shards):
            raise UsageError(
                f"{len(shards)} shards and {len(values)} times {option}",
                remedy="give it once for each shard, in their order",
            )


def check_outputs(inputs: Iterable[Path], options: Mapping[str, Sequence[Path]]) -> None:
    """Check that no file is to be written twice, or in the place of what is not one's to replace.

    That is a file that is read, a folder, or a device or pipe: it would be renamed over.

    Raises:
        UsageError: there is one.
    """
    read = {path.resolve() for path in inputs}
    written: dict[Path, str] = {}
    for option, values in options.items():
        for path in values:
            place = path.resolve()
            if what := _what_no_file_replaces(place):
                raise UsageError(
                    f"is to be written by {option}, and is {what}",
                    where=str(path),
                    remedy="name a file to write",
                )
            if place in read:
                raise UsageError(
                    f"is to be written by {option}, and is read",
                    where=str(path),
                    remedy="name another file to write",
                )
            if place in written:
                twice = "twice" if written[place] == option else f"and by {written[place]}"
                raise UsageError(
                    f"is to be written by {option} {twice}",
                    where=str(path),
                    remedy="give every one a file of its own",
                )
            written[place] = option


def _what_no_file_replaces(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""  # if it cannot be written either, that is told then
    if stat.S_ISREG(mode):
        return ""
    return "a folder" if stat.S_ISDIR(mode) else "a device or pipe"


def make_output(folder: Path) -> None:
    """Make the folder of ``--output``, before the work whose results are for it.

    Raises:
        UsageError: it cannot be made, or nothing can be written to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot be written ({error.strerror or error})",
            where=str(folder),
            remedy="name another folder as --output",
        ) from error
