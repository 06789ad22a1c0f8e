"""Where a command keeps or finds checkpoints."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated

import typer

__all__ = ["CheckpointDirOption", "resolve_checkpoint_dir"]

CheckpointDirOption = Annotated[
    str,
    typer.Option(
        "--checkpoint-dir",
        help="Where finished parts are kept until the run has succeeded: a directory or an s3:// "
        "prefix; empty for nowhere; auto for Nextflow's work folder.",
        envvar="VIRNUCPRO_CHECKPOINT_DIR",
    ),
]

# <work folder>/<two hexadecimal digits>/<the others>
_TASK_FOLDER = re.compile(r"(.+)/[0-9a-f]{2}/[0-9a-f]+")


def resolve_checkpoint_dir(given: str, environment: Mapping[str, str] = os.environ) -> str:
    """The store that ``given`` stands for, empty for none.

    Args:
        given: a directory, an s3:// prefix, nothing, or ``auto``: beside the folders of Nextflow's
            tasks, which every attempt of a task sees. A task in a scratch folder of its own cannot
            tell where that is, and keeps no parts.
        environment: where Nextflow says which folder the task has (``NXF_TASK_WORKDIR``).
    """
    if given != "auto":
        return given
    task = _TASK_FOLDER.fullmatch(environment.get("NXF_TASK_WORKDIR", ""))
    return f"{task[1]}/checkpoints" if task else ""
