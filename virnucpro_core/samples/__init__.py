"""Which samples there are and which files they have. Standard library, jsonschema and yaml only."""

from virnucpro_core.samples._sample import Sample
from virnucpro_core.samples._sheet import (
    SheetError,
    SheetReading,
    is_sheet,
    is_there,
    is_url,
    read_sheet,
)

__all__ = [
    "Sample",
    "SheetError",
    "SheetReading",
    "is_sheet",
    "is_there",
    "is_url",
    "read_sheet",
]
