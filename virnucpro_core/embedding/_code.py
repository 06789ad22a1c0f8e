"""Which code embeds: parts that other code made are not mixed with those of this one."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

__all__ = ["embedding_code_sha256"]

_PACKAGE = Path(__file__).resolve().parents[1]
_ROOMS = ("embedding", "models", "packing", "store")


@functools.cache
def embedding_code_sha256() -> str:
    """SHA-256 (hex) over the source files that an embedding depends on."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((_PACKAGE / room).rglob("*.py")):
            digest.update(f"{path.relative_to(_PACKAGE).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
