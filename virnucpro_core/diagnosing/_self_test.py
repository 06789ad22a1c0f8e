"""The encoders tried out: known reads, embedded as a run would, against the slowest, surest way."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.calling import (
    Tally,
    TruthComparison,
    classify_frames,
    compare_with_truth,
    write_consensus,
)
from virnucpro_core.diagnosing._finding import Finding, Level, failed
from virnucpro_core.embedding import (
    EmbedResult,
    EmbedSettings,
    EncoderSource,
    Precision,
    embed,
    row_cosines,
)
from virnucpro_core.errors import BundleError, VirnucproError
from virnucpro_core.models import Bundle, EncoderKind, bundle_folders, load_bundle
from virnucpro_core.sequences import PrepareSettings, demo_reads, prepare
from virnucpro_core.store import (
    ByteStrings,
    EmbeddingInfo,
    Embeddings,
    FrameShard,
    RecordTable,
    read_shard,
    write_scores,
)

__all__ = ["self_test"]

SELF_TEST = "Self-test"

_KINDS: tuple[EncoderKind, ...] = ("dna", "protein")
_COMPARED = 64
_WARM_UP = 8
_SHARD_FRAMES = 100_000


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the self-test must reach.

    Attributes:
        cosine: the least cosine of an embedding with its reference, by number format. fp32 differs
            in the order of sums only, half precision keeps 8 or 11 bits, and int8 makes bytes of
            weights and activations. A wrong formula is far below all of these.
        balanced: share of the scored demo reads that are called rightly, the mean of both classes.
            Calling all of them one thing gives a half; a demo model that was trained anew stays
            above this by far.
    """

    cosine: dict[Precision, float]
    balanced: float = 0.6


_EXPECTED = _Expected(
    {
        Precision.FP32: 0.99999,
        Precision.BF16: 0.99,
        Precision.FP16: 0.995,
        Precision.INT8: 0.95,
    }
)


def _demo_bundle() -> Bundle:
    """The demo model of the source tree.

    Raises:
        BundleError: it is not there, or cannot be used.
    """
    return load_bundle(bundle_folders()[-1] / "demo")


def _demo_frames(folder: Path, bundle: Bundle) -> FrameShard:
    """The frames of the demo reads; files of preparing them are left in ``folder``."""
    settings = PrepareSettings("demo", bundle.window_size, _SHARD_FRAMES, bundle.frame_rule)
    summary = prepare(demo_reads(), folder, settings)
    return read_shard(summary.shards[0])


def self_test(settings: EmbedSettings) -> list[Finding]:
    """Embed the demo reads with the demo model, and compare.

    The packed way with these settings is compared with one sequence at a time in fp32 on the same
    device; then the reads are classified and called, and the calls compared with what they are.
    """
    try:
        bundle = _demo_bundle()
        with tempfile.TemporaryDirectory(prefix="virnucpro-doctor-") as name:
            return _test(bundle, settings, Path(name))
    except BundleError as error:
        return [failed(SELF_TEST, "demo model", error, Level.WARNING)]
    except VirnucproError as error:
        return [failed(SELF_TEST, "encoders", error)]


def _test(bundle: Bundle, settings: EmbedSettings, folder: Path) -> list[Finding]:
    shard = _demo_frames(folder, bundle)
    runs = {kind: _Run.of(bundle, kind, shard, settings) for kind in _KINDS}
    seconds = sum(run.result.seconds for run in runs.values())
    rate = len(shard) / seconds
    found = [
        Finding(
            SELF_TEST,
            "speed",
            f"{rate:.0f} frames of the demo reads a second with the demo model, which is tiny: "
            "for your reads and model ask virnucpro estimate",
            values={"frames": len(shard), "seconds": round(seconds, 3), "frames_per_second": rate},
        )
    ]
    found += [_agreement(runs[kind], settings) for kind in _KINDS]
    truth = _call(bundle, shard, {kind: run.result for kind, run in runs.items()}, folder)
    return [*found, _calls(truth)]


@dataclass(frozen=True, slots=True)
class _Run:
    """An encoder's embeddings of all frames.

    Attributes:
        name: of the encoder.
        result: packed, in the number format of the settings.
        cosines: float64 [C], with the reference, of the frames that were compared.
    """

    name: str
    result: EmbedResult
    cosines: NDArray[np.float64]

    @classmethod
    def of(
        cls, bundle: Bundle, kind: EncoderKind, shard: FrameShard, settings: EmbedSettings
    ) -> _Run:
        source = EncoderSource(bundle, kind)
        strings = shard.nucleotides if kind == "dna" else shard.proteins
        encoder, tokenizer = source.load_encoder(settings), source.load_tokenizer()
        # The first batches are for the caches.
        embed(strings.slice(0, _WARM_UP), encoder, tokenizer, settings, layer=source.layer)
        result = embed(strings, encoder, tokenizer, settings, layer=source.layer)
        rows = np.unique(np.linspace(0, len(strings) - 1, _COMPARED).astype(int))
        surest = EmbedSettings(settings.device, Precision.FP32, 0, "sdpa", packed=False)
        reference = embed(
            ByteStrings.from_iterable(strings[row] for row in rows),
            source.load_encoder(surest),
            tokenizer,
            surest,
            layer=source.layer,
        ).values
        return cls(source.name, result, row_cosines(result.values[rows], reference))


def _agreement(run: _Run, settings: EmbedSettings) -> Finding:
    least, limit = float(run.cosines.min()), _EXPECTED.cosine[settings.precision]
    text = (
        f"packed in {settings.precision.value} against one at a time in fp32: cosine at least "
        f"{least:.6f} over {len(run.cosines)} frames"
    )
    values = {"encoder": run.name, "least_cosine": least, "limit": limit}
    # Not 'least < limit': NaN is a problem too.
    if least >= limit:
        return Finding(SELF_TEST, run.name, text, values=values)
    return Finding(
        SELF_TEST,
        run.name,
        f"{text}; {limit} is needed",
        Level.PROBLEM,
        "use --precision fp32 --attention sdpa, and report this with the output of --json",
        values,
    )


def _call(
    bundle: Bundle, shard: FrameShard, results: dict[EncoderKind, EmbedResult], folder: Path
) -> TruthComparison:
    embeddings = {}
    for kind, result in results.items():
        info = EmbeddingInfo("demo", 0, "mean", "", "", shard.digest())
        embeddings[kind] = Embeddings(shard.frame_ids(), result.values, info)
    scores = classify_frames(
        shard,
        embeddings["dna"],
        embeddings["protein"],
        bundle.load_classifier(),
        bundle_sha256=bundle.sha256,
        calibration=bundle.calibration,
        trained_rule=bundle.frame_rule,
        reliability=bundle.load_reliability(),
    )
    write_scores(scores, folder / "demo.scores.h5")
    records = RecordTable.open(folder / "demo.records.h5")
    write_consensus(records, [folder / "demo.scores.h5"], demo_reads(), folder / "results")
    return compare_with_truth(
        folder / "results" / "sequences.tsv", demo_reads().with_name("truth.tsv")
    )


def _calls(truth: TruthComparison) -> Finding:
    shares = {label: _share(tally) for label, tally in truth.by_label.items()}
    balanced = sum(shares.values()) / len(shares)
    text = (
        f"of the demo reads that can be scored, {shares['virus']:.0%} of the viral and "
        f"{shares['non-virus']:.0%} of the other ones are called rightly"
    )
    values = {"balanced": balanced, **{f"right_{name}": share for name, share in shares.items()}}
    if balanced >= _EXPECTED.balanced:
        return Finding(SELF_TEST, "calls", text, values=values)
    return Finding(
        SELF_TEST,
        "calls",
        f"{text}; on average {_EXPECTED.balanced:.0%} are expected",
        Level.PROBLEM,
        "the model or the computing is wrong: run virnucpro model verify demo, and try "
        "--precision fp32 --attention sdpa",
        values,
    )


def _share(tally: Tally) -> float:
    scored = tally.right + tally.wrong
    return tally.right / scored if scored else float("nan")
