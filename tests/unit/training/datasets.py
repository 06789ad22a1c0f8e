"""A small dataset directory by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from virnucpro_core.store import ByteStrings, FrameShard, write_shard
from virnucpro_core.training import (
    WINDOW_SEQUENCES,
    Dataset,
    GenomeRow,
    OverlapRow,
    WindowTable,
    create_window_sequences,
    write_dataset,
)

GENOMES = [
    GenomeRow("ecoli", "others", "ecoli", "ecoli", "train", 1, 4000, "aa", "ecoli.fa"),
    GenomeRow("phage", "virus", "T4-like", "T4-like", "test", 2, 900, "bb", "phage.gb.gz"),
]
OVERLAPS = [OverlapRow("phage", "ecoli", 12, 0.25, 100, 800)]


def write_small_dataset(path: Path) -> Dataset:
    """Three windows of two genomes; the second has two frames, the third none."""
    shard = FrameShard(
        sample="small",
        index=1,
        window_size=6,
        record_index=np.array([0, 1]),
        record_ids=ByteStrings.from_iterable([b"w0", b"w1"]),
        record_row=np.array([0, 1, 1], dtype=np.int32),
        chunk=np.ones(3, dtype=np.int32),
        chunk_length=np.array([6, 5, 5], dtype=np.int32),
        frame=np.array([0, 1, 3], dtype=np.uint8),
        nucleotides=ByteStrings.from_iterable([b"ACGACG", b"ACGA", b"TCGTC"]),
        proteins=ByteStrings.from_iterable([b"TT", b"T", b"S"]),
    )
    shard_path = path / "shards" / "small.shard_00001.h5"
    write_shard(shard, shard_path)
    with create_window_sequences(path / WINDOW_SEQUENCES) as file:
        letters = (b"ACGACG", b"CACGA", b"TAATAA")
        file.add(["w0", "w1", "w2"], ByteStrings.from_iterable(letters))
    windows = WindowTable(
        id=["w0", "w1", "w2"],
        genome=["phage", "ecoli", "ecoli"],
        label=np.array([1, 0, 0]),
        group=["T4-like", "ecoli", "ecoli"],
        cluster=["T4-like", "ecoli", "ecoli"],
        split=np.array([2, 0, 0]),
        start=np.array([0, 7, 3_000_000_000]),
        length=np.array([6, 5, 6]),
        n_frames=np.array([1, 2, 0]),
    )
    return write_dataset(
        path,
        name="small",
        version="1.2.3",
        settings={"seed": 1},
        counts={"windows": 3},
        windows=windows,
        genomes=GENOMES,
        overlaps=OVERLAPS,
        shards=[shard_path],
    )
