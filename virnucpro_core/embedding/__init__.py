"""Embedding many sequences: loader, device, number format, pooling."""

from virnucpro_core.embedding._loader import PackedBatch, packed_batches, prefetch
from virnucpro_core.embedding._runner import EmbedResult, embed, mean_pool
from virnucpro_core.embedding._settings import (
    EmbedSettings,
    Precision,
    resolve_settings,
    usable_cores,
)

__all__ = [
    "EmbedResult",
    "EmbedSettings",
    "PackedBatch",
    "Precision",
    "embed",
    "mean_pool",
    "packed_batches",
    "prefetch",
    "resolve_settings",
    "usable_cores",
]
