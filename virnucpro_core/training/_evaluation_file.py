"""``evaluation.json``, and the part of it that a bundle carries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from virnucpro_core import __version__
from virnucpro_core._files import AtomicFile
from virnucpro_core.models import Bundle
from virnucpro_core.training._evaluation import EVALUATION_SCHEMA_VERSION

__all__ = ["accuracy_of", "evaluation_document", "write_evaluation"]

_KIND = "virnucpro-evaluation"


def accuracy_of(
    evaluation: Mapping[str, Any], what: str, warnings: Sequence[str]
) -> dict[str, Any]:
    """The ``accuracy`` of ``bundle.json``: all tables, without the curves."""
    tables = {key: value for key, value in evaluation.items() if key != "curves"}
    return {"what": what, "warnings": list(warnings), **tables}


def evaluation_document(
    bundle: Bundle,
    data: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    what: str,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """What ``evaluation.json`` holds.

    Args:
        bundle: what was judged.
        data: what it was judged on: names and digests.
        evaluation: see `evaluate`.
        what: a sentence for people on the windows.
        warnings: reasons to doubt the figures.
    """
    return {
        "kind": _KIND,
        "schema_version": EVALUATION_SCHEMA_VERSION,
        "version": __version__,
        "bundle": {
            "name": bundle.name,
            "sha256": bundle.sha256,
            "calibration": bundle.spec.calibration,
        },
        "data": dict(data),
        "what": what,
        "warnings": list(warnings),
        **evaluation,
    }


def write_evaluation(path: Path, document: Mapping[str, Any]) -> None:
    """Write ``evaluation.json``, whole or not at all.

    Raises:
        StoreError: the file cannot be written.
    """
    with AtomicFile(path) as file:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        file.write(f"{text}\n".encode())
