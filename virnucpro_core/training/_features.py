"""The embeddings of a dataset's windows, checked against it.

Shape letters: ``F`` frames, ``D`` features of a frame, ``W`` windows of the dataset.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.calling import check_weights, merge_features, merge_set_aside
from virnucpro_core.errors import StoreError
from virnucpro_core.models import Bundle, EncoderSpec
from virnucpro_core.store import (
    Embeddings,
    FrameShard,
    read_embedding_info,
    read_embeddings,
    read_shard,
)
from virnucpro_core.training._dataset import Dataset
from virnucpro_core.training._dataset_tables import PARTS

__all__ = ["PartFeatures", "read_features"]

_MOST_BYTES = 4 << 30
"""Features of more bytes than this lie in a temporary file, not in memory: 4 GiB are 320,000 frames
of ESM-2 3B and DNABERT-S."""

_MAKE_AGAIN = "make the dataset again with 'virnucpro train data'"


@dataclass(frozen=True, slots=True)
class PartFeatures:
    """Features of one part of the split.

    Attributes:
        values: float32 [F, D], DNA first.
        window: int64 [F], each frame's row in ``windows.tsv``.
        labels: int64 [F], 0 others, 1 virus.
    """

    values: NDArray[np.float32]
    window: NDArray[np.int64]
    labels: NDArray[np.int64]


def read_features(
    dataset: Dataset,
    dna: Sequence[Path],
    protein: Sequence[Path],
    bundle: Bundle,
    *,
    scratch: Path | None = None,
    most_bytes: int = _MOST_BYTES,
) -> Mapping[str, PartFeatures]:
    """Read the embeddings of all shards, and see that they belong to the dataset and the encoders.

    Frames that were set aside are left out. In memory is one shard beside the features.

    Args:
        dna, protein: the shards' embedding files, in any order.
        bundle: has the encoders that made them.
        scratch: folder of the temporary file for many features; None for the system's.
        most_bytes: features of more bytes go to the temporary file.

    Returns:
        Features by the name of the part, see `PARTS`.

    Raises:
        StoreError: embeddings are missing, or of another shard or encoder; the dataset was changed.
    """
    width = bundle.spec.classifier.config.input_width
    windows = dataset.windows
    files = _by_shard(dna, "DNA"), _by_shard(protein, "protein")
    n_frames = np.bincount(windows.split, weights=windows.n_frames, minlength=len(PARTS))
    values = _allocate(n_frames.astype(np.int64).tolist(), width, scratch, most_bytes)
    window_parts: list[list[NDArray[np.int64]]] = [[] for _ in PARTS]
    n_filled = [0] * len(PARTS)
    n_seen = np.zeros(len(windows), dtype=np.int64)
    for path, digest in zip(dataset.shards, dataset.shard_digests, strict=True):
        shard = read_shard(path)
        window = _windows_of(dataset, path, digest, shard)
        both = [
            _read(files[0], digest, path, bundle.dna, "DNA"),
            _read(files[1], digest, path, bundle.protein, "protein"),
        ]
        features = merge_features(shard, *both)
        is_whole = merge_set_aside(*both) == 0
        n_seen += np.bincount(window, minlength=len(windows))
        for part in range(len(PARTS)):
            rows = np.flatnonzero(is_whole & (windows.split[window] == part))
            values[part][n_filled[part] : n_filled[part] + len(rows)] = features[rows]
            n_filled[part] += len(rows)
            window_parts[part].append(window[rows])
    _check_counts(dataset, n_seen)
    result = {}
    for part, name in enumerate(PARTS):
        window = np.concatenate([np.empty(0, dtype=np.int64), *window_parts[part]])
        result[name] = PartFeatures(values[part][: n_filled[part]], window, windows.label[window])
    return result


def _by_shard(paths: Sequence[Path], kind: str) -> dict[str, Path]:
    """The files by the digest of their shard."""
    found: dict[str, Path] = {}
    for path in paths:
        digest = read_embedding_info(path).shard_sha256
        if digest in found:
            raise StoreError(
                f"is of the same shard as {found[digest]}",
                where=str(path),
                remedy=f"give one file of {kind} embeddings for each shard",
            )
        found[digest] = path
    return found


def _windows_of(dataset: Dataset, path: Path, digest: str, shard: FrameShard) -> NDArray[np.int64]:
    """int64 [F], the row in ``windows.tsv`` of each frame of ``shard``."""
    if shard.digest() != digest:
        raise StoreError(
            "is another shard than dataset.json names", where=str(path), remedy=_MAKE_AGAIN
        )
    for number, name in zip(shard.record_index.tolist(), shard.record_ids, strict=True):
        if not 0 <= number < len(dataset.windows) or dataset.windows.id[number] != name.decode():
            raise StoreError(
                f"its record {name.decode()} is not row {number + 1} of windows.tsv",
                where=str(path),
                remedy=_MAKE_AGAIN,
            )
    return shard.record_index[shard.record_row]


def _read(
    files: Mapping[str, Path], digest: str, shard: Path, encoder: EncoderSpec, kind: str
) -> Embeddings:
    if digest not in files:
        raise StoreError(
            f"there are no {kind} embeddings of this shard",
            where=str(shard),
            remedy="embed every shard of the dataset as it is now, and name all files",
        )
    path = files[digest]
    embeddings = read_embeddings(path)
    check_weights(embeddings, encoder.weights_sha256, where=str(path))
    if embeddings.info.layer != encoder.layer:
        raise StoreError(
            f"is of layer {embeddings.info.layer}, the bundle takes layer {encoder.layer}",
            where=str(path),
            remedy="embed the shard with this bundle",
        )
    return embeddings


def _check_counts(dataset: Dataset, seen: NDArray[np.int64]) -> None:
    wrong = seen != dataset.windows.n_frames
    if wrong.any():
        row = int(wrong.argmax())
        raise StoreError(
            f"window {dataset.windows.id[row]} has {seen[row]} frames in the shards, windows.tsv "
            f"says {dataset.windows.n_frames[row]}",
            where=str(dataset.path),
            remedy=_MAKE_AGAIN,
        )


def _allocate(
    n_frames: list[int], width: int, scratch: Path | None, most_bytes: int
) -> list[NDArray[np.float32]]:
    if 4 * width * sum(n_frames) <= most_bytes:
        return [np.empty((n, width), dtype=np.float32) for n in n_frames]
    arrays: list[NDArray[np.float32]] = []
    for n in n_frames:
        # The file has no name, and is gone when the last array on it is.
        with tempfile.TemporaryFile(dir=scratch) as file:
            arrays.append(np.memmap(file, dtype=np.float32, mode="w+", shape=(max(n, 1), width)))
    return arrays
