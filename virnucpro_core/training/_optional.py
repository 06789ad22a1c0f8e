"""Libraries that only training needs."""

from __future__ import annotations

import importlib
from types import ModuleType

from virnucpro_core.errors import UsageError

__all__ = ["import_optional", "import_sklearn"]


def import_sklearn(name: str) -> ModuleType:
    """The module ``sklearn.<name>``.

    Raises:
        UsageError: scikit-learn is not installed.
    """
    return import_optional(f"sklearn.{name}", "scikit-learn")


def import_optional(module: str, package: str) -> ModuleType:
    """A module of a package that is no requirement of ours.

    Raises:
        UsageError: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"training and evaluating need {package}, which is not installed",
            remedy="install it: pip install 'virnucpro-core[train]'",
        ) from error
