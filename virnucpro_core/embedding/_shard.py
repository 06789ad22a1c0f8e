"""Embedding a shard: from its file to the embeddings of its frames, with a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from virnucpro_core._progress import progress
from virnucpro_core.embedding._parts import CheckpointPlan, plan_checkpoint
from virnucpro_core.embedding._reference import n_cut_off
from virnucpro_core.embedding._runner import EmbedResult, embed
from virnucpro_core.embedding._settings import EmbedSettings, Engine
from virnucpro_core.embedding._sources import EncoderSource
from virnucpro_core.errors import UsageError
from virnucpro_core.models import Encoder
from virnucpro_core.store import (
    ByteStrings,
    EmbeddingInfo,
    Embeddings,
    ShardStrings,
    read_shard,
)

__all__ = ["ShardEmbedder", "ShardResult"]


@dataclass(frozen=True, slots=True)
class ShardResult:
    """The embeddings of a shard.

    Attributes:
        embeddings: a row for every frame, in the shard's order.
        run: what it took.
        n_cut_off: sequences that are longer than the reference engine reads.
    """

    embeddings: Embeddings
    run: EmbedResult
    n_cut_off: int = 0


class ShardEmbedder:
    """A shard that is read and checked, to be embedded with one encoder.

    Args:
        path: the shard.
        source: the encoder.
        checkpoint_dir: where finished parts are kept; empty for nowhere.
        part_seconds: time between two parts.

    Raises:
        StoreError: the shard cannot be read.
        UsageError: the shard lacks what the encoder embeds.
    """

    def __init__(
        self,
        path: Path,
        source: EncoderSource,
        *,
        checkpoint_dir: str = "",
        part_seconds: float = 60.0,
    ) -> None:
        self._path = path
        self._source = source
        self._checkpoint_dir = checkpoint_dir
        self._part_seconds = part_seconds
        self._shard = read_shard(path)
        is_dna = source.kind == "dna"
        self._strings: ByteStrings = self._shard.nucleotides if is_dna else self._shard.proteins
        if not self._strings.lengths.all():
            raise UsageError(
                f"the shard has no {'nucleotides' if is_dna else 'proteins'}",
                where=str(path),
                remedy="give the --encoder of the molecule that 'virnucpro shard' was told",
            )

    def embed(
        self,
        settings: EmbedSettings,
        *,
        max_failed_fraction: float = 0.0,
        started: Callable[[CheckpointPlan | None], None] = lambda plan: None,
        is_stopped: Callable[[], bool] = lambda: False,
        encoder: Encoder | None = None,
    ) -> ShardResult:
        """Embed the shard.

        Args:
            settings: how the encoder runs.
            max_failed_fraction: of all sequences, how many may be set aside.
            started: called with the plan of the checkpoint when the weights are loaded.
            is_stopped: asked after every batch, see `embed`.
            encoder: one that the source has loaded with these settings; None loads it, and its
                weights are gone from the device when this returns.

        Raises:
            VirnucproError: as `embed` and `EncoderSource.load_encoder` do.
        """
        ids = self._shard.frame_ids()
        info = EmbeddingInfo(
            model=self._source.name,
            layer=self._source.layer,
            pooling="mean",
            precision=settings.precision.value,
            weights_sha256=self._source.weights_sha256,
            shard_sha256=self._shard.digest(),
            engine=settings.engine.value,
        )
        # Before the weights: a tokenizer is read in no time, and may be what is missing.
        tokenizer = self._source.load_tokenizer(settings.engine)
        encoder = encoder or self._source.load_encoder(settings)
        plan = self._plan(info, encoder.width, settings)
        started(plan)
        # On a device, processes tokenise: they read what they need of the shard themselves.
        in_file = ShardStrings(
            self._path, "nucleotides" if self._source.kind == "dna" else "proteins"
        )
        with progress(len(ids), f"{self._path.name} ({self._source.kind})") as advance:
            run = embed(
                in_file if settings.device.type == "cuda" else self._strings,
                encoder,
                tokenizer,
                settings,
                layer=self._source.layer,
                ids=ids,
                plan=plan,
                max_failed_fraction=max_failed_fraction,
                is_stopped=is_stopped,
                progress=advance,
            )
        embeddings = Embeddings(ids, run.values, info, set_aside=run.set_aside)
        n_cut = 0
        if settings.engine is Engine.V1:
            n_cut = n_cut_off(self._source.kind, self._strings.lengths)
        return ShardResult(embeddings, run, n_cut)

    def _plan(
        self, info: EmbeddingInfo, width: int, settings: EmbedSettings
    ) -> CheckpointPlan | None:
        if not self._checkpoint_dir:
            return None
        return plan_checkpoint(
            self._checkpoint_dir,
            info,
            label=f"{self._shard.sample} {self._shard.index}",
            molecule=self._source.kind,
            n_sequences=len(self._shard),
            width=width,
            settings=settings,
            part_seconds=self._part_seconds,
        )
