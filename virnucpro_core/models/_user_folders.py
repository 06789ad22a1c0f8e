"""Where a user's bundles and copies of bundles lie (XDG Base Directory Specification)."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder", "models_folder"]


def models_folder() -> Path:
    """Bundles of this user: ``VIRNUCPRO_MODELS``, or else ``virnucpro/models`` in the data folder.

    The data folder is ``XDG_DATA_HOME`` or ``~/.local/share``.
    """
    return _folder("VIRNUCPRO_MODELS", "XDG_DATA_HOME", "~/.local/share", "models")


def cache_folder() -> Path:
    """Copies of bundles: ``VIRNUCPRO_CACHE``, or else ``virnucpro/bundles`` in the cache folder.

    The cache folder is ``XDG_CACHE_HOME`` or ``~/.cache``.
    """
    return _folder("VIRNUCPRO_CACHE", "XDG_CACHE_HOME", "~/.cache", "bundles")


def _folder(variable: str, base_variable: str, base: str, name: str) -> Path:
    own = os.environ.get(variable)
    if own:
        return Path(own)
    base = os.environ.get(base_variable) or base
    # Not Path.expanduser, which raises where there is no home directory.
    return Path(os.path.expanduser(base)) / "virnucpro" / name  # noqa: PTH111
