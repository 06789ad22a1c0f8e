"""The project's files (shards, record tables, embeddings and scores, all HDF5) and checkpoints."""

from virnucpro_core.store._blobs import BlobInfo, BlobStore
from virnucpro_core.store._checkpoint import BadPart, Checkpoint, EmbeddingWork, Part
from virnucpro_core.store._checkpoint_list import (
    CheckpointSummary,
    list_checkpoints,
    remove_checkpoints,
    verify_checkpoint,
)
from virnucpro_core.store._directory_store import DirectoryStore
from virnucpro_core.store._embeddings import (
    EmbeddingInfo,
    Embeddings,
    join_embeddings,
    read_embedding_info,
    read_embeddings,
    write_embeddings,
)
from virnucpro_core.store._information import Information
from virnucpro_core.store._open_store import open_store, remove_stale_temporaries
from virnucpro_core.store._outcomes import write_record_outcomes
from virnucpro_core.store._records import (
    RecordRows,
    RecordTable,
    RecordTableWriter,
    create_record_table,
)
from virnucpro_core.store._scores import (
    FrameScores,
    ScoreLabels,
    frame_codons,
    read_score_labels,
    read_scores,
    write_scores,
)
from virnucpro_core.store._set_aside import SetAside
from virnucpro_core.store._shards import (
    FRAME_NAMES,
    WHOLE_RECORDS,
    FrameShard,
    ShardStrings,
    check_is_shard,
    read_shard,
    write_shard,
)
from virnucpro_core.store._strings import ByteStrings

__all__ = [
    "FRAME_NAMES",
    "WHOLE_RECORDS",
    "BadPart",
    "BlobInfo",
    "BlobStore",
    "ByteStrings",
    "Checkpoint",
    "CheckpointSummary",
    "DirectoryStore",
    "EmbeddingInfo",
    "EmbeddingWork",
    "Embeddings",
    "FrameScores",
    "FrameShard",
    "Information",
    "Part",
    "RecordRows",
    "RecordTable",
    "RecordTableWriter",
    "ScoreLabels",
    "SetAside",
    "ShardStrings",
    "check_is_shard",
    "create_record_table",
    "frame_codons",
    "join_embeddings",
    "list_checkpoints",
    "open_store",
    "read_embedding_info",
    "read_embeddings",
    "read_score_labels",
    "read_scores",
    "read_shard",
    "remove_checkpoints",
    "remove_stale_temporaries",
    "verify_checkpoint",
    "write_embeddings",
    "write_record_outcomes",
    "write_scores",
    "write_shard",
]
