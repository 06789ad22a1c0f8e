"""Suite ``equivalence``: results are the same however they are computed.

What is promised to be the same to the bit is compared by digest: the same batches again, another
number of loader processes, a run that was stopped and resumed. Where matrix products of other sizes
or formats are made, sums are rounded in another order, and the distance of embeddings is held
against a tolerance.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._limits import available_cpus
from virnucpro_core.benchmarking._encoder_bench import (
    KINDS,
    EncoderBench,
    cosine_distance,
    digest_of,
    make_shards,
    open_bench,
    threads,
)
from virnucpro_core.benchmarking._suite_report import Check, Panel, Point, SuiteReport
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.benchmarking._suites import Say
from virnucpro_core.embedding import EmbedSettings, Precision, ShardEmbedder
from virnucpro_core.errors import StoppedError
from virnucpro_core.models import EncoderKind, cpu_multiplies_int8
from virnucpro_core.store import ByteStrings, ShardStrings, read_shard

__all__ = ["measure"]

_RECORDS, _QUICK_RECORDS = 2_000, 200


@dataclass(frozen=True, slots=True)
class Tolerances:
    """The largest distances, 1 − cosine, that are the same result.

    Attributes:
        fp32: the same formula with sums in another order. A distance is about half the square of
            the relative difference: this is one of 1e-4, ten times what rounding makes.
        half: bf16 and fp16 keep 8 and 11 bits; every layer adds to the error.
        int8: a byte for each activation and weight. Measured on random weights of the published
            shapes: 0.0010 (ESM-2) and 0.0088 (DNABERT-S).
    """

    fp32: float = 1e-8
    half: float = 1e-2
    int8: float = 3e-2


TOLERANCES = Tolerances()


def measure(settings: SuiteSettings, say: Say) -> SuiteReport:
    """Compare embeddings of both encoders with a reference in fp32."""
    exact = replace(settings, precision="fp32").embed_settings()
    checks: list[Check] = []
    points: list[Point] = []
    n_frames = 0
    with tempfile.TemporaryDirectory() as name:
        n_records = _QUICK_RECORDS if settings.quick else _RECORDS
        shard = make_shards(settings, n_records, Path(name))[0]
        for kind in KINDS:
            bench = open_bench(settings.model, kind, exact)
            frames = read_shard(shard)
            strings = frames.nucleotides if kind == "dna" else frames.proteins
            n_frames = len(strings)
            say(f"{n_frames} frames through {bench.name}")
            reference = bench.embed(strings).values
            checks += _same_bits(bench, kind, shard, strings, reference, Path(name))
            for what, limit, values in _variants(settings, bench, kind, strings):
                distance = cosine_distance(reference, values)
                points.append(Point(f"{bench.name}: {what}", (distance,)))
                detail = f"largest 1 − cosine {distance:.2g}, tolerance {limit:.2g}"
                checks.append(Check(f"{bench.name}: {what}", distance <= limit, detail))
    return SuiteReport(
        suite="equivalence",
        settings={**settings.to_json(), "frames": n_frames},
        panels=[Panel("Distance to the reference", "1 − cosine", tuple(points), "lower")],
        checks=checks,
        notes=[
            "The reference is fp32, packed, the loader a thread. What must be the same to the bit "
            "is compared by SHA-256, everything else by the frame that differs most."
        ],
    )


def _same_bits(
    bench: EncoderBench,
    kind: EncoderKind,
    shard: Path,
    strings: ByteStrings,
    reference: NDArray[np.float32],
    folder: Path,
) -> Iterator[Check]:
    expected = digest_of(reference)

    def check(what: str, values: NDArray[np.float32], more: str = "") -> Check:
        found = digest_of(values)
        detail = f"SHA-256 {found[:12]}, of the reference {expected[:12]}{more}"
        return Check(f"{bench.name}: {what}", found == expected, detail)

    yield check("computed again, same bits", bench.embed(strings).values)
    in_file = ShardStrings(shard, "nucleotides" if kind == "dna" else "proteins")
    process = bench.embed(in_file, n_processes=1).values
    yield check("tokenised in a process instead of a thread, same bits", process)
    values, n_resumed = _resumed(bench, shard, folder / f"checkpoint_{kind}")
    what = "stopped half-way and resumed"
    yield check(f"{what}, same bits", values, f", {n_resumed} frames of the first attempt")
    yield Check(
        f"{bench.name}: {what}, nothing computed twice or left out",
        0 < n_resumed < len(reference),
        f"{n_resumed} of {len(reference)} frames were taken from the first attempt",
    )


def _resumed(bench: EncoderBench, shard: Path, checkpoint: Path) -> tuple[NDArray[np.float32], int]:
    """Embeddings of a run that was stopped half-way and resumed; frames that were not repeated."""
    whole = ShardEmbedder(shard, bench.source).embed(bench.settings, encoder=bench.encoder)
    n_left = max(1, whole.run.n_batches // 2)

    def is_stopped() -> bool:
        nonlocal n_left
        n_left -= 1
        return n_left <= 0

    def embedder() -> ShardEmbedder:
        # A part for every batch.
        return ShardEmbedder(shard, bench.source, checkpoint_dir=str(checkpoint), part_seconds=0.0)

    with suppress(StoppedError):
        embedder().embed(bench.settings, encoder=bench.encoder, is_stopped=is_stopped)
    resumed = embedder().embed(bench.settings, encoder=bench.encoder)
    return resumed.embeddings.values, resumed.run.n_resumed


def _variants(
    settings: SuiteSettings, bench: EncoderBench, kind: EncoderKind, strings: ByteStrings
) -> Iterator[tuple[str, float, NDArray[np.float32]]]:
    """``(what is different, tolerance, embeddings)``."""
    one_by_one = replace(bench.settings, packed=False)
    yield "one frame at a time", TOLERANCES.fp32, bench.embed(strings, one_by_one).values
    budget = replace(bench.settings, token_budget=4 * bench.settings.budget_for(bench.encoder))
    yield "batches four times as large", TOLERANCES.fp32, bench.embed(strings, budget).values
    for name, order in (
        ("in reverse order", np.arange(len(strings))[::-1]),
        ("in a random order", np.random.default_rng(0).permutation(len(strings))),
    ):
        some = ByteStrings.from_iterable(strings[row] for row in order.tolist())
        values = np.empty((len(strings), bench.encoder.width), dtype=np.float32)
        values[order] = bench.embed(some).values
        yield name, TOLERANCES.fp32, values
    if bench.settings.device.type == "cpu":
        for n_threads in (1, 2)[: available_cpus()]:
            with threads(n_threads):
                values = bench.embed(strings).values
            yield f"threads: {n_threads}", TOLERANCES.fp32, values
    for precision, limit in _other_precisions(bench.settings):
        told = replace(settings, precision=precision.value).embed_settings()
        other = open_bench(settings.model, kind, told)
        yield f"in {precision.value}", limit, other.embed(strings).values


def _other_precisions(settings: EmbedSettings) -> list[tuple[Precision, float]]:
    if settings.device.type == "cuda":
        return [(Precision.BF16, TOLERANCES.half), (Precision.FP16, TOLERANCES.half)]
    found = [(Precision.BF16, TOLERANCES.half)]
    return found + ([(Precision.INT8, TOLERANCES.int8)] if cpu_multiplies_int8() else [])
