"""Reading our own JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from virnucpro_core.errors import StoreError

__all__ = ["read_json_object"]


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON object of ours.

    Raises:
        StoreError: the file cannot be read, or is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"is not readable JSON ({error})", where=str(path)) from error
    if not isinstance(content, dict):
        raise StoreError("is JSON, but not an object", where=str(path))
    return content
