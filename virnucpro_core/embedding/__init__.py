"""Embedding many sequences: loader, device, number format, pooling."""

from virnucpro_core.embedding._embedder import POOLINGS, Embedder, SequenceEmbeddings
from virnucpro_core.embedding._lease import lease_device
from virnucpro_core.embedding._loader import PackedBatch, loader_processes, packed_batches
from virnucpro_core.embedding._padded_dnabert import PaddedDnabert
from virnucpro_core.embedding._parts import CheckpointPlan, plan_checkpoint
from virnucpro_core.embedding._pooling import mean_pool
from virnucpro_core.embedding._runner import EmbedResult, EncodedBatch, embed, encode_batches
from virnucpro_core.embedding._settings import (
    EmbedSettings,
    Engine,
    Precision,
    choose_precision,
    leased_settings,
    load_encoder,
    resolve_settings,
)
from virnucpro_core.embedding._shard import ShardEmbedder, ShardResult
from virnucpro_core.embedding._sources import EncoderSource, open_encoder
from virnucpro_core.embedding._trials import frames_to_time, row_cosines

__all__ = [
    "POOLINGS",
    "CheckpointPlan",
    "EmbedResult",
    "EmbedSettings",
    "Embedder",
    "EncodedBatch",
    "EncoderSource",
    "Engine",
    "PackedBatch",
    "PaddedDnabert",
    "Precision",
    "SequenceEmbeddings",
    "ShardEmbedder",
    "ShardResult",
    "choose_precision",
    "embed",
    "encode_batches",
    "frames_to_time",
    "lease_device",
    "leased_settings",
    "load_encoder",
    "loader_processes",
    "mean_pool",
    "open_encoder",
    "packed_batches",
    "plan_checkpoint",
    "resolve_settings",
    "row_cosines",
]
