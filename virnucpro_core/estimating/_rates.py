"""How fast this machine embeds, classifies and calls: the ordinary steps on a few frames, timed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virnucpro_core import calling
from virnucpro_core.estimating._memory import (
    device_peak_bytes,
    forget_device_peak,
    forget_peak,
    peak_bytes,
)
from virnucpro_core.estimating._spread import Spread
from virnucpro_core.sequences import ReadFiles
from virnucpro_core.store import (
    ByteStrings,
    EmbeddingInfo,
    Embeddings,
    FrameShard,
    RecordTable,
    read_shard,
    write_scores,
)

if TYPE_CHECKING:
    from virnucpro_core.embedding import EmbedResult, EmbedSettings, EncoderSource
    from virnucpro_core.estimating._look import Look
    from virnucpro_core.models import Bundle, EncoderKind

__all__ = [
    "CallingRate",
    "EncoderRate",
    "RateSettings",
    "measure_calling",
    "measure_encoder",
    "some_frames",
]

_MOST_FRAMES = 4_096


@dataclass(frozen=True, slots=True)
class RateSettings:
    """How long is measured.

    Attributes:
        rounds: measurements of each encoder.
        round_seconds: what a measurement takes at least, if there are frames enough.
    """

    rounds: int = 3
    round_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class EncoderRate:
    """How fast an encoder is.

    Attributes:
        tokens_per_letter: tokens (with the special ones) for a base or residue of a frame.
        seconds_per_token: of several rounds.
        load_seconds: loading the weights.
        width: numbers in an embedding.
        memory_bytes: peak while it was loaded and ran; None where the system does not say.
        device_bytes: the same on a CUDA device; None on a CPU.
    """

    tokens_per_letter: float
    seconds_per_token: Spread
    load_seconds: float
    width: int
    memory_bytes: int | None
    device_bytes: int | None


@dataclass(frozen=True, slots=True)
class CallingRate:
    """How fast what comes behind the encoders is, in seconds.

    Attributes:
        merging_per_frame: bringing both embeddings together.
        prediction_per_frame: the classifier.
        consensus_per_record: calls and result files.
        classify_memory: peak of the first two; None where the system does not say.
        consensus_memory: peak of the third.
        n_classified: frames that the first two were measured with.
    """

    merging_per_frame: float
    prediction_per_frame: float
    consensus_per_record: float
    classify_memory: int | None
    consensus_memory: int | None
    n_classified: int


def some_frames(look: Look, kind: EncoderKind) -> ByteStrings:
    """Different frames of a look, evenly spread over it."""
    found: list[bytes] = []
    step = max(1, look.seen.frames // _MOST_FRAMES)
    for path in look.shards:
        shard = read_shard(path)
        strings = shard.nucleotides if kind == "dna" else shard.proteins
        found += [strings[row] for row in range(0, len(strings), step)]
    # Identical sequences are embedded once only.
    return ByteStrings.from_iterable(dict.fromkeys(found))


def measure_encoder(
    source: EncoderSource, frames: ByteStrings, settings: EmbedSettings, rates: RateSettings
) -> EncoderRate:
    """Embed more and more of the frames until that takes a while, then the same ones repeatedly.

    Raises:
        VirnucproError: as `embed` does.
    """
    from virnucpro_core.embedding import embed, frames_to_time

    forget_peak()
    forget_device_peak(settings.device)
    started = time.perf_counter()
    encoder, tokenizer = source.load_encoder(settings), source.load_tokenizer()
    loading = time.perf_counter() - started

    def run(some: ByteStrings) -> EmbedResult:
        return embed(
            some, encoder, tokenizer, settings, layer=source.layer, max_failed_fraction=1.0
        )

    some = frames_to_time(frames, rates.round_seconds, lambda some: run(some).seconds)
    measured = [run(some) for _ in range(rates.rounds)]
    return EncoderRate(
        tokens_per_letter=measured[0].n_tokens / len(some.data),
        seconds_per_token=Spread.of([each.seconds / each.n_tokens for each in measured]),
        load_seconds=loading,
        width=encoder.width,
        memory_bytes=peak_bytes(),
        device_bytes=device_peak_bytes(settings.device),
    )


def measure_calling(
    look: Look, bundle: Bundle, widths: dict[EncoderKind, int], folder: Path
) -> CallingRate:
    """Classify the first frames of a look, then call its records by scores made up.

    Neither depends on the values, so embeddings are drawn at random.

    Args:
        widths: numbers in the embeddings of both encoders.
        folder: where scores and results are written.

    Raises:
        StoreError: a file cannot be written.
        BundleError: the classifier does not fit the encoders.
    """
    draw = np.random.default_rng(0)
    forget_peak()
    shard = _first_frames(read_shard(look.shards[0]))
    classifier = bundle.load_classifier()
    dna, protein = (_random(shard, widths[kind], draw) for kind in ("dna", "protein"))
    started = time.perf_counter()
    features = calling.merge_features(shard, dna, protein)
    merged = time.perf_counter()
    calling.predict_scores(features, classifier)
    predicted = time.perf_counter()
    classify_memory = peak_bytes()

    calibration = bundle.calibration
    scores = []
    for path in look.shards:
        whole = read_shard(path)
        virus = draw.uniform(0.01, 0.99, len(whole)).astype(np.float32)
        made_up = np.stack([1 - virus, virus], axis=1)
        scores.append(folder / f"{path.stem}.scores.h5")
        write_scores(
            calling.frame_scores(
                whole,
                made_up,
                bundle_sha256=bundle.sha256,
                calibration=calibration,
                trained_rule=bundle.frame_rule,
            ),
            scores[-1],
        )
    forget_peak()
    begun = 0.0
    # The first time is for what has to be imported: in a longer run that weighs little.
    for number in range(2):
        begun = time.perf_counter()
        calling.write_consensus(
            RecordTable.open(look.records),
            scores,
            ReadFiles((look.reads,)),
            folder / f"results_{number}",
        )
    return CallingRate(
        merging_per_frame=(merged - started) / len(shard),
        prediction_per_frame=(predicted - merged) / len(shard),
        consensus_per_record=(time.perf_counter() - begun) / look.seen.records,
        classify_memory=classify_memory,
        consensus_memory=peak_bytes(),
        n_classified=len(shard),
    )


def _first_frames(shard: FrameShard) -> FrameShard:
    n = min(len(shard), _MOST_FRAMES)
    return replace(
        shard,
        record_row=shard.record_row[:n],
        chunk=shard.chunk[:n],
        chunk_length=shard.chunk_length[:n],
        frame=shard.frame[:n],
        nucleotides=shard.nucleotides.slice(0, n),
        proteins=shard.proteins.slice(0, n),
        first_codon=None if shard.first_codon is None else shard.first_codon[:n],
    )


def _random(shard: FrameShard, width: int, draw: np.random.Generator) -> Embeddings:
    values: NDArray[np.float32] = draw.random((len(shard), width), dtype=np.float32)
    info = EmbeddingInfo("random", 0, "mean", "fp32", "", shard.digest())
    return Embeddings(shard.frame_ids(), values, info)
