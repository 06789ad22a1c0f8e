"""An encoder of a bundle with frames to embed, as the suites run it. Shapes: n frames, D width."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro_core.benchmarking._suite_reads import no_frames, source_of, write_reads
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.embedding import (
    EmbedResult,
    EmbedSettings,
    EncoderSource,
    embed,
    open_encoder,
    row_cosines,
)
from virnucpro_core.models import Encoder, EncoderKind, Tokenizer, open_bundle
from virnucpro_core.sequences import PrepareSettings, prepare
from virnucpro_core.store import ByteStrings, ShardStrings, read_shard

__all__ = [
    "KINDS",
    "EncoderBench",
    "cosine_distance",
    "digest_of",
    "frames_of",
    "make_shards",
    "open_bench",
    "threads",
]

KINDS: tuple[EncoderKind, ...] = ("dna", "protein")


@dataclass(frozen=True, slots=True)
class EncoderBench:
    """A loaded encoder.

    Attributes:
        source: where it is from.
        encoder, tokenizer: what it loaded.
        settings: that it was loaded with.
    """

    source: EncoderSource
    encoder: Encoder
    tokenizer: Tokenizer
    settings: EmbedSettings

    @property
    def name(self) -> str:
        """Name of the weights."""
        return self.source.name

    def embed(
        self,
        strings: ByteStrings | ShardStrings,
        settings: EmbedSettings | None = None,
        *,
        n_processes: int | None = None,
    ) -> EmbedResult:
        """Embed frames as `virnucpro embed` does, without files."""
        return embed(
            strings,
            self.encoder,
            self.tokenizer,
            settings or self.settings,
            layer=self.source.layer,
            n_processes=n_processes,
        )


def open_bench(model: str, kind: EncoderKind, settings: EmbedSettings) -> EncoderBench:
    """Load an encoder of a bundle.

    Raises:
        BundleError: there is no such bundle.
    """
    source = open_encoder(model, kind)
    return EncoderBench(source, source.load_encoder(settings), source.load_tokenizer(), settings)


def make_shards(
    settings: SuiteSettings, n_records: int, folder: Path, *, shard_frames: int = 20_000
) -> list[Path]:
    """Prepare the first ``n_records`` records into shards.

    Raises:
        InputError: none of the records has a frame.
    """
    reads = write_reads(settings, n_records, folder / "reads.fasta")
    bundle = open_bundle(settings.model)
    prepared_as = PrepareSettings("bench", bundle.window_size, shard_frames, bundle.frame_rule)
    made = prepare(reads, folder, prepared_as)
    if not made.shards:
        raise no_frames(source_of(settings), n_records)
    return made.shards


def frames_of(shards: Sequence[Path], kind: EncoderKind) -> ByteStrings:
    """What ``kind`` embeds of shards, in memory."""
    found: list[bytes] = []
    for path in shards:
        shard = read_shard(path)
        strings = shard.nucleotides if kind == "dna" else shard.proteins
        found += [strings[row] for row in range(len(strings))]
    return ByteStrings.from_iterable(found)


def digest_of(values: NDArray[np.float32]) -> str:
    """SHA-256 (hex) of embeddings [n, D], bit by bit."""
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def cosine_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Largest 1 − cosine of two rows of ``a`` and ``b`` [n, D], at least 0."""
    return max(0.0, float((1 - row_cosines(a, b)).max()))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Compute with ``n`` threads inside of the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)
