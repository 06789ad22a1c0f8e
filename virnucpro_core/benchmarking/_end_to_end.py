"""All steps from reads to calls, in one process and timed: what the pipeline's tasks do."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from virnucpro_core import calling
from virnucpro_core._files import sha256_of_file
from virnucpro_core.benchmarking._encoder_bench import KINDS, open_bench
from virnucpro_core.benchmarking._suite_reads import no_frames, source_of, write_reads
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.embedding import EmbedSettings, ShardEmbedder
from virnucpro_core.estimating import device_peak_bytes, forget_device_peak, forget_peak, peak_bytes
from virnucpro_core.models import Bundle, EncoderKind, open_bundle
from virnucpro_core.reporting import Stage
from virnucpro_core.sequences import PrepareSettings, prepare
from virnucpro_core.store import (
    RecordTable,
    read_embeddings,
    read_shard,
    write_embeddings,
    write_scores,
)

__all__ = ["EncoderRun", "EndToEnd", "Work", "measure_end_to_end"]

_WARM_UP_RECORDS = 24
_EMBEDDING = {"dna": "DNABERT-S Feature Extraction", "protein": "ESM-2 Feature Extraction"}


@dataclass(frozen=True, slots=True)
class Work:
    """What is run.

    Attributes:
        n_records: records.
        token_budget: tokens in a batch; 0 chooses.
        shard_frames: frames in a shard.
        rounds: how often.
    """

    n_records: int
    token_budget: int = 0
    shard_frames: int = 20_000
    rounds: int = 1


@dataclass(frozen=True, slots=True)
class EncoderRun:
    """What an encoder did.

    Attributes:
        name: of the weights.
        seconds: of embedding, without loading.
        idle_seconds: of these, waiting for the loader.
        load_seconds: of loading the weights.
        n_unique: distinct frames.
        n_tokens: their tokens.
        n_batches: packed batches.
        token_budget: most tokens of a batch.
    """

    name: str
    seconds: float
    idle_seconds: float
    load_seconds: float
    n_unique: int
    n_tokens: int
    n_batches: int
    token_budget: int

    @property
    def fill(self) -> float:
        """Tokens over what the batches have room for, 0 to 1."""
        return self.n_tokens / (self.n_batches * self.token_budget)


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """One run from reads to calls.

    Attributes:
        stages: the nine.
        encoders: DNABERT-S, then ESM-2.
        n_records, n_bases, n_frames: what went through.
        wall_seconds: everything, loading weights and reading files included.
        peak_bytes: most memory at once; None where the system does not say.
        device_bytes: the same on a CUDA device.
        calls_sha256: digest of ``sequences.tsv``.
    """

    stages: tuple[Stage, ...]
    encoders: tuple[EncoderRun, ...]
    n_records: int
    n_bases: int
    n_frames: int
    wall_seconds: float
    peak_bytes: int | None
    device_bytes: int | None
    calls_sha256: str


def measure_end_to_end(settings: SuiteSettings, work: Work) -> list[EndToEnd]:
    """Run ``work.rounds`` times, after a few records to warm up.

    Raises:
        InputError: no record has a frame.
    """
    torch.set_num_threads(settings.threads)
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = write_reads(settings, min(_WARM_UP_RECORDS, work.n_records), folder / "few.fasta")
        reads = write_reads(settings, work.n_records, folder / "reads.fasta")
        resolved = settings.embed_settings(token_budget=work.token_budget)
        for number in range(-1, work.rounds):
            given = few if number < 0 else reads
            made = _run(given, folder / str(number), settings, resolved, work)
            if number >= 0:
                found.append(made)
    return found


def _run(
    reads: Path, folder: Path, told: SuiteSettings, settings: EmbedSettings, work: Work
) -> EndToEnd:
    forget_peak()
    forget_device_peak(settings.device)
    started = time.perf_counter()
    bundle = open_bundle(told.model)
    prepared_as = PrepareSettings("bench", bundle.window_size, work.shard_frames, bundle.frame_rule)
    made = prepare(reads, folder, prepared_as)
    if not made.shards:
        raise no_frames(source_of(told), made.n_records)
    encoders = [_embed(kind, told.model, made.shards, folder, settings) for kind in KINDS]
    merging, prediction, scores = _classify(bundle, made.shards, folder)
    begun = time.perf_counter()
    records = RecordTable.open(folder / "bench.records.h5")
    calling.write_consensus(records, scores, reads, folder / "results")
    ended = time.perf_counter()
    frames = made.n_frames
    stages = (
        Stage("Sequence Chunking", made.chunking_seconds, made.n_chunks),
        Stage("Six-Frame Translation", made.translation_seconds, frames),
        Stage("Nucleotide File Splitting", made.nucleotide_seconds, frames),
        Stage("Protein File Splitting", made.protein_seconds, frames),
        *(
            Stage(_EMBEDDING[kind], run.seconds, frames, run.n_tokens)
            for kind, run in zip(KINDS, encoders, strict=True)
        ),
        Stage("Feature Merging", merging, frames),
        Stage("Model Prediction", prediction, frames),
        Stage("Consensus Scoring", ended - begun, made.n_records),
    )
    return EndToEnd(
        stages=stages,
        encoders=tuple(encoders),
        n_records=made.n_records,
        n_bases=made.n_bases,
        n_frames=frames,
        wall_seconds=ended - started,
        peak_bytes=peak_bytes(),
        device_bytes=device_peak_bytes(settings.device),
        calls_sha256=sha256_of_file(folder / "results" / "sequences.tsv"),
    )


def _embed(
    kind: EncoderKind, model: str, shards: Sequence[Path], folder: Path, settings: EmbedSettings
) -> EncoderRun:
    """Embed shards with one encoder, with a checkpoint as in the pipeline."""
    started = time.perf_counter()
    bench = open_bench(model, kind, settings)
    loading = time.perf_counter() - started
    runs = []
    for shard in shards:
        embedder = ShardEmbedder(shard, bench.source, checkpoint_dir=str(folder / "checkpoints"))
        done = embedder.embed(settings, encoder=bench.encoder)
        write_embeddings(done.embeddings, _embeddings(folder, kind, shard))
        runs.append(done.run)
    return EncoderRun(
        name=bench.name,
        seconds=sum(run.seconds for run in runs),
        idle_seconds=sum(run.idle_seconds for run in runs),
        load_seconds=loading,
        n_unique=sum(run.n_unique for run in runs),
        n_tokens=sum(run.n_tokens for run in runs),
        n_batches=sum(run.n_batches for run in runs),
        token_budget=settings.budget_for(bench.encoder),
    )


def _classify(
    bundle: Bundle, shards: Sequence[Path], folder: Path
) -> tuple[float, float, list[Path]]:
    """Seconds of merging and of predicting, and the score files."""
    calibration = bundle.calibration
    classifier = bundle.load_classifier()
    merging = prediction = 0.0
    scores = []
    for path in shards:
        started = time.perf_counter()
        frames = read_shard(path)
        dna, protein = (read_embeddings(_embeddings(folder, kind, path)) for kind in KINDS)
        features = calling.merge_features(frames, dna, protein)
        merged = time.perf_counter()
        set_aside = calling.merge_set_aside(dna, protein)
        scored = calling.frame_scores(
            frames,
            calling.predict_scores(features, classifier, set_aside=set_aside),
            set_aside,
            bundle_sha256=bundle.sha256,
            calibration=calibration,
            trained_rule=bundle.frame_rule,
        )
        scores.append(folder / f"{path.stem}.scores.h5")
        write_scores(scored, scores[-1])
        merging += merged - started
        prediction += time.perf_counter() - merged
    return merging, prediction, scores


def _embeddings(folder: Path, kind: EncoderKind, shard: Path) -> Path:
    return folder / f"{shard.stem}.{kind}.h5"
