"""Reading a JSON object strictly: every key known, every value of its type."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from virnucpro_core.errors import BundleError

__all__ = ["JsonObject"]

_Value = TypeVar("_Value", int, str, list[Any], dict[str, Any])
_KINDS = {int: "a whole number", str: "a text", list: "a list", dict: "an object"}


class JsonObject:
    """An object whose keys are taken out one by one; what is left over is a mistake.

    Args:
        document: what the JSON parser returned.
        place: where in the document it stands, for example ``"encoders.dna"``.
        where: the file.

    Attributes:
        where: the file.

    Raises:
        BundleError: ``document`` is no JSON object.
    """

    def __init__(self, document: object, place: str, where: str) -> None:
        self._place = place
        self.where = where
        if not isinstance(document, dict):
            raise self.error(f"{place or 'the document'} must be a JSON object")
        self._left: dict[str, Any] = dict(document)

    def error(self, what: str) -> BundleError:
        """An error of this file, to be raised."""
        return BundleError(
            what, where=self.where, remedy="correct bundle.json or fetch the bundle again"
        )

    def path(self, key: str) -> str:
        """``key`` with the place of the object in front."""
        return f"{self._place}.{key}" if self._place else key

    def names(self) -> list[str]:
        """The keys that are left."""
        return list(self._left)

    def take(self, key: str, kind: type[_Value]) -> _Value:
        """The value of ``key``, an int, str, list or dict.

        Raises:
            BundleError: it is missing or of another type.
        """
        if key not in self._left:
            raise self.error(f"has no key {self.path(key)}")
        value = self._left.pop(key)
        # A boolean is an int to Python, but not to JSON.
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(f"{self.path(key)} must be {_KINDS[kind]}, not {value!r}")
        return value

    def take_optional_int(self, key: str) -> int | None:
        """The whole number under ``key``, or None where JSON has null."""
        if key in self._left and self._left[key] is None:
            del self._left[key]
            return None
        return self.take(key, int)

    def take_number(self, key: str) -> float:
        """The number under ``key``, with or without a decimal point.

        Raises:
            BundleError: it is missing, of another type, or not finite.
        """
        if key not in self._left:
            raise self.error(f"has no key {self.path(key)}")
        value = self._left.pop(key)
        # Python reads NaN, Infinity and 1e999, which are no numbers to JSON.
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value):
            raise self.error(f"{self.path(key)} must be a number, not {value!r}")
        return float(value)

    def take_object(self, key: str) -> JsonObject:
        """The object under ``key``, whose keys are to be taken too."""
        return JsonObject(self.take(key, dict), self.path(key), self.where)

    def take_objects(self, key: str) -> list[JsonObject]:
        """The objects of the list under ``key``, whose keys are to be taken too."""
        return [
            JsonObject(entry, f"{self.path(key)}[{number}]", self.where)
            for number, entry in enumerate(self.take(key, list))
        ]

    def take_optional(self, key: str) -> dict[str, Any] | None:
        """The object under ``key``, any keys, or None where JSON has null."""
        if key in self._left and self._left[key] is None:
            del self._left[key]
            return None
        return self.take(key, dict)

    def finish(self) -> None:
        """Say that every known key is taken.

        Raises:
            BundleError: keys are left.
        """
        if self._left:
            raise self.error(f"has an unexpected key {self.path(next(iter(self._left)))}")
