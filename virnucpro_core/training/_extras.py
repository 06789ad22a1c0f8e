"""Packages that only training and evaluating need; they come with the extra ``train``."""

from __future__ import annotations

import importlib
from typing import Any

from virnucpro_core.errors import UsageError

__all__ = ["import_extra"]


def import_extra(module: str) -> Any:
    """The module, imported where it is used, so that nothing else needs its package.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the Python package of {error.name} is not installed",
            remedy="pip install 'virnucpro-core[train]' (sourmash needs Python 3.11 or later)",
        ) from error
