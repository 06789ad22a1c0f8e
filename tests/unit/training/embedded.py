"""A dataset with embeddings that a classifier can learn from, without an encoder having run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from virnucpro_core.models import Bundle, EncoderSpec
from virnucpro_core.store import (
    ByteStrings,
    EmbeddingInfo,
    Embeddings,
    FrameShard,
    read_shard,
    write_embeddings,
    write_shard,
)
from virnucpro_core.training import (
    LABELS,
    PARTS,
    WINDOW_SEQUENCES,
    Dataset,
    GenomeRow,
    WindowTable,
    create_window_sequences,
    write_dataset,
)

LENGTHS = (90, 60)
WINDOWS_PER_GENOME = 60
_EVERY = 10
"""Every tenth window has no stop-free frame, every other one has two."""


@dataclass(frozen=True, slots=True)
class EmbeddedDataset:
    """A dataset and the embeddings of its two shards."""

    dataset: Dataset
    dna: list[Path]
    protein: list[Path]


def make_dataset(path: Path, seed: int = 1, frame_rule: str | None = None) -> Dataset:
    """Twelve genomes, six of each class, four in each part; viral windows are rich in A.

    Args:
        frame_rule: what the settings say; None for nothing.
    """
    rng = np.random.default_rng(seed)
    genomes = [
        GenomeRow(
            f"g{number:02}", LABELS[number % 2], f"group{number // 4}", f"g{number:02}",
            PARTS[number // 4], 1, 1000, f"{number:064x}", f"g{number:02}.fa",
        )
        for number in range(12)
    ]  # fmt: skip
    n = len(genomes) * WINDOWS_PER_GENOME
    of_genome = np.arange(n) // WINDOWS_PER_GENOME
    label = np.array([LABELS.index(genomes[g].label) for g in of_genome])
    length = np.array([LENGTHS[row % 2] for row in range(n)])
    n_frames = np.where(np.arange(n) % _EVERY == 0, 0, 2)
    windows = WindowTable(
        id=[f"w{row}" for row in range(n)],
        genome=[genomes[g].genome for g in of_genome],
        label=label,
        group=[genomes[g].group for g in of_genome],
        cluster=[genomes[g].cluster for g in of_genome],
        split=np.array([PARTS.index(genomes[g].split) for g in of_genome]),
        start=np.arange(n) % WINDOWS_PER_GENOME * 100,
        length=length,
        n_frames=n_frames,
    )
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    sequences = ByteStrings.from_iterable(
        rng.choice(letters, size, p=[0.4, 0.2, 0.2, 0.2] if viral else [0.25] * 4).tobytes()
        for size, viral in zip(length.tolist(), label.tolist(), strict=True)
    )
    path.mkdir(parents=True)
    with create_window_sequences(path / WINDOW_SEQUENCES) as file:
        file.add(windows.id, sequences)
    shards = []
    for index, rows in enumerate(np.split(np.flatnonzero(n_frames), 2), start=1):
        file = path / "shards" / f"toy.shard_{index:05}.h5"
        write_shard(_shard(index, rows, windows, sequences), file)
        shards.append(file)
    settings: dict[str, object] = {"seed": seed}
    if frame_rule is not None:
        settings["windows"] = {"frame_rule": frame_rule}
    return write_dataset(
        path, name="toy", version="0", settings=settings, counts={"windows": n},
        windows=windows, genomes=genomes, overlaps=[], shards=shards,
    )  # fmt: skip


def embed_dataset(
    dataset: Dataset, bundle: Bundle, folder: Path, *, signal: float = 1.0, seed: int = 1
) -> EmbeddedDataset:
    """Embeddings of noise in which the first DNA feature tells the class, as far as ``signal``."""
    rng = np.random.default_rng(seed)
    paths: dict[str, list[Path]] = {"dna": [], "protein": []}
    folder.mkdir(parents=True, exist_ok=True)
    for file in dataset.shards:
        shard = read_shard(file)
        label = dataset.windows.label[shard.record_index[shard.record_row]]
        for kind, encoder in (("dna", bundle.dna), ("protein", bundle.protein)):
            values = rng.normal(size=(len(shard), encoder.config.width)).astype(np.float32)
            if kind == "dna":
                values[:, 0] += signal * (2 * label - 1)
            target = folder / f"{file.stem}.{kind}.h5"
            write_embeddings(Embeddings(shard.frame_ids(), values, _info(encoder, shard)), target)
            paths[kind].append(target)
    return EmbeddedDataset(dataset, paths["dna"], paths["protein"])


def relabel(path: Path, **changes: str | int) -> None:
    """Write an embedding file again with other attributes."""
    from virnucpro_core.store import read_embeddings

    found = read_embeddings(path)
    write_embeddings(replace(found, info=replace(found.info, **changes)), path)


def _info(encoder: EncoderSpec, shard: FrameShard) -> EmbeddingInfo:
    return EmbeddingInfo(
        model=encoder.name,
        layer=encoder.layer,
        pooling="mean",
        precision="fp32",
        weights_sha256=encoder.weights_sha256,
        shard_sha256=shard.digest(),
    )


def _shard(
    index: int, rows: np.ndarray, windows: WindowTable, sequences: ByteStrings
) -> FrameShard:
    n = len(rows)
    letters = [sequences[row] for row in rows.tolist()]
    twice = np.repeat(np.arange(n), 2)
    return FrameShard(
        sample="toy",
        index=index,
        window_size=max(LENGTHS),
        record_index=rows.astype(np.int64),
        record_ids=ByteStrings.from_iterable(windows.id[row].encode() for row in rows.tolist()),
        record_row=twice.astype(np.int32),
        chunk=np.ones(2 * n, dtype=np.int32),
        chunk_length=windows.length[rows][twice].astype(np.int32),
        frame=np.tile(np.array([0, 3], dtype=np.uint8), n),
        nucleotides=ByteStrings.from_iterable(letters[row] for row in twice.tolist()),
        proteins=ByteStrings.from_iterable(b"M" * (len(letters[row]) // 3) for row in twice),
    )
