"""Embedding all shards of a dataset in this process, as far as they are not embedded yet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from virnucpro_core.embedding import (
    EmbedSettings,
    EncoderSource,
    ShardEmbedder,
    open_encoder,
)
from virnucpro_core.errors import StoreError
from virnucpro_core.models import EncoderKind
from virnucpro_core.store import (
    BlobStore,
    EmbeddingInfo,
    list_checkpoints,
    open_store,
    read_embedding_info,
    remove_checkpoints,
    remove_stale_temporaries,
    write_embeddings,
)
from virnucpro_core.training._dataset import Dataset

__all__ = ["embed_dataset"]

_KINDS: tuple[EncoderKind, ...] = ("dna", "protein")


def embed_dataset(
    dataset: Dataset,
    model: str | Path,
    folder: Path,
    settings: EmbedSettings,
    log: Callable[[str], None],
    *,
    checkpoint_dir: str = "",
    part_seconds: float = 60.0,
    working: Callable[[], AbstractContextManager[None]] = nullcontext,
    is_stopped: Callable[[], bool] = lambda: False,
) -> tuple[list[Path], list[Path]]:
    """Embed every shard of a dataset with both encoders of a bundle.

    A file that is there already, of the same shard, weights, layer, precision and engine, is taken
    as it is; a shard that was interrupted goes on from its checkpoint. When all are written, the
    checkpoints of these shards with these weights are removed, also those of earlier runs.

    Args:
        model: see `open_model`.
        folder: where the files go, ``dna/<shard>.h5`` and ``protein/<shard>.h5``.
        settings: how the encoders run.
        log: called with lines of progress.
        checkpoint_dir, part_seconds: see `ShardEmbedder`.
        working: what to enter while something can be saved when ``is_stopped`` says so.
        is_stopped: asked after every batch.

    Returns:
        The files of the DNA and of the protein embeddings, in the order of the shards.

    Raises:
        VirnucproError: as `ShardEmbedder` does.
    """
    files: dict[EncoderKind, list[Path]] = {kind: [] for kind in _KINDS}
    weights: list[str] = []
    for kind in _KINDS:
        source = open_encoder(model, kind)
        weights.append(source.weights_sha256)
        for shard, digest in zip(dataset.shards, dataset.shard_digests, strict=True):
            file = folder / kind / shard.name
            files[kind].append(file)
            if _is_embedded(file, source, digest, settings):
                log(f"{kind} embeddings of {shard.name}: there already")
                continue
            embedder = ShardEmbedder(
                shard, source, checkpoint_dir=checkpoint_dir, part_seconds=part_seconds
            )
            with working():
                result = embedder.embed(settings, is_stopped=is_stopped)
                write_embeddings(result.embeddings, file)
            log(
                f"{kind} embeddings of {shard.name}: {len(result.embeddings.ids)} frames, "
                f"{result.run.n_resumed} of them by an earlier run, {result.run.seconds:.1f} s"
            )
    if checkpoint_dir:
        _remove_checkpoints(open_store(checkpoint_dir), dataset.shard_digests, weights)
    return files["dna"], files["protein"]


def _is_embedded(
    file: Path, source: EncoderSource, shard_sha256: str, settings: EmbedSettings
) -> bool:
    if not file.exists():
        return False
    try:
        info = read_embedding_info(file)
    except StoreError:
        return False  # half a file of a run without checkpoints, or something else: made again
    return info == EmbeddingInfo(
        model=info.model,  # a name: the weights are what counts
        layer=source.layer,
        pooling="mean",
        precision=settings.precision.value,
        weights_sha256=source.weights_sha256,
        shard_sha256=shard_sha256,
        engine=settings.engine.value,
    )


def _remove_checkpoints(store: BlobStore, shards: list[str], weights: list[str]) -> None:
    keys = [
        known.key
        for known in list_checkpoints(store)
        if known.work is not None
        and known.work.shard_sha256 in shards
        and known.work.weights_sha256 in weights
    ]
    remove_checkpoints(store, keys)
    remove_stale_temporaries(store)
