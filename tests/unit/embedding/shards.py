"""Shards for these tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from virnucpro_core.store import ByteStrings, FrameShard, ShardStrings, write_shard


def shard_of(proteins: ByteStrings, path: Path) -> ShardStrings:
    """A shard with one record that has these proteins, and nucleotides of the same letters."""
    n = len(proteins)
    shard = FrameShard(
        sample="s",
        index=1,
        window_size=300,
        record_index=np.zeros(1, dtype=np.int64),
        record_ids=ByteStrings.from_iterable([b"r"]),
        record_row=np.zeros(n, dtype=np.int32),
        chunk=np.arange(1, n + 1, dtype=np.int32),
        chunk_length=np.full(n, 300, dtype=np.int32),
        frame=np.zeros(n, dtype=np.uint8),
        nucleotides=proteins,
        proteins=proteins,
    )
    write_shard(shard, path)
    return ShardStrings(path, "proteins")
