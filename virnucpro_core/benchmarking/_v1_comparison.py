"""Suite ``v1-comparison``: the reference engine against the packed one, and an older version.

The same reads, weights and machine, in one run: the versions take turns, every embedding in a
process of its own. ``--against REF`` adds the version of that commit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from virnucpro_core.benchmarking._encoder_bench import KINDS
from virnucpro_core.benchmarking._past_version import unpack_version
from virnucpro_core.benchmarking._suite_reads import source_of, write_reads
from virnucpro_core.benchmarking._suite_report import Panel, Point, SuiteReport, Target
from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.benchmarking._suites import Say
from virnucpro_core.benchmarking._version_run import EncoderTime, Results, VersionRun, cosines
from virnucpro_core.errors import VirnucproError
from virnucpro_core.models import EncoderKind, open_bundle

__all__ = ["Agreement", "compare_results", "measure"]

_RECORDS, _QUICK_RECORDS = 500, 60
_LEAST_AGREEMENT = 99.8
_OWN_TREE = Path(__file__).parents[2]
_REFERENCE = "v1"
_TITLES: Mapping[EncoderKind, str] = {"dna": "DNABERT-S", "protein": "ESM-2"}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two versions agree about the same reads.

    Attributes:
        frames: share of the frames with the same prediction, percent.
        records: share of the records with the same call, percent.
        score_difference: the largest of the virus class's score in a frame.
        smallest_cosine, median_cosine: of the two embeddings of a frame, by encoder.
    """

    frames: float
    records: float
    score_difference: float
    smallest_cosine: Mapping[EncoderKind, float]
    median_cosine: Mapping[EncoderKind, float]


@dataclass(slots=True)
class _Version:
    """A version and what was measured of it."""

    name: str
    run: VersionRun
    times: dict[EncoderKind, list[EncoderTime]] = field(
        default_factory=lambda: {kind: [] for kind in KINDS}
    )

    def measure(self) -> None:
        for kind in KINDS:
            self.times[kind].append(self.run.embed(kind))

    def seconds(self, kind: EncoderKind) -> tuple[float, ...]:
        return tuple(time.seconds for time in self.times[kind])

    def mebibytes(self, kind: EncoderKind) -> tuple[float, ...]:
        return tuple(time.peak_bytes / (1 << 20) for time in self.times[kind])


def compare_results(a: Results, b: Results) -> Agreement:
    """How far two versions agree.

    Raises:
        VirnucproError: they have not the same frames and records.
    """
    if a.frames.keys() != b.frames.keys() or a.calls.keys() != b.calls.keys():
        raise VirnucproError(
            f"made other frames or records of the same reads: {len(a.frames)} and "
            f"{len(b.frames)} frames, {len(a.calls)} and {len(b.calls)} records",
            remedy="the two versions cut reads in different ways, and cannot be compared",
        )
    found = {kind: cosines(a.embeddings[kind], b.embeddings[kind]) for kind in KINDS}
    return Agreement(
        frames=_percent([a.frames[name][0] == b.frames[name][0] for name in a.frames]),
        records=_percent([a.calls[name] == b.calls[name] for name in a.calls]),
        score_difference=max(abs(a.frames[name][1] - b.frames[name][1]) for name in a.frames),
        smallest_cosine={kind: float(found[kind].min()) for kind in KINDS},
        median_cosine={kind: float(np.median(found[kind])) for kind in KINDS},
    )


def measure(settings: SuiteSettings, say: Say) -> SuiteReport:
    """Run reads through both engines, and through the version ``settings.against``.

    Raises:
        InputError: the reads cannot be used.
        UsageError: fair-esm is not installed.
        VirnucproError: a command failed.
    """
    bundle = open_bundle(settings.model)
    # The commands run elsewhere.
    # Not its name, which can be another bundle's in the tree of an older version.
    model = str(bundle.path.resolve())
    notes = [
        "v1 is the reference engine (padded, fp32, DNABERT-S one frame at a time, ESM-2 by "
        "fair-esm in its batches) on the same weights. Seconds are of embedding, without loading, "
        "but with the first batches of a process, which are slower: of a tiny model and few "
        "frames they say little. Memory is the largest of the process, loading included."
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_records = _QUICK_RECORDS if settings.quick else _RECORDS
        reads = write_reads(settings, n_records, folder / "reads.fasta")

        def version(title: str, *options: str, tree: Path = _OWN_TREE) -> _Version:
            where = folder / str(len(list(folder.iterdir())))
            options = ("--device", settings.device, *options)
            return _Version(
                title,
                VersionRun(
                    tree, reads, model, bundle.window_size, bundle.frame_rule,
                    source=source_of(settings), options=options, threads=settings.threads,
                    folder=where,
                ),
            )  # fmt: skip

        chosen = settings.embed_settings().precision.value
        versions = [version(_REFERENCE, "--engine", "v1")]
        versions += [
            version(f"v2 {precision}", "--precision", precision)
            for precision in dict.fromkeys((chosen, "fp32"))
        ]
        if settings.against is not None:
            try:
                tree = folder / "against"
                commit = unpack_version(settings.against, tree)
                title = f"{settings.against} fp32"
                other = version(title, "--precision", "fp32", tree=tree)
                other.measure()  # whether it runs at all, and reads the bundle
                versions.append(_Version(other.name, other.run))
                notes.append(f"{settings.against} is commit {commit[:12]}.")
            except VirnucproError as error:
                notes.append(f"{settings.against} was not compared: {error}")
        for number in range(settings.rounds):
            say(f"round {number + 1} of {settings.rounds}")
            for each in versions:
                each.measure()
        reference = versions[0].run.results()
        agreements = {
            each.name: compare_results(reference, each.run.results()) for each in versions[1:]
        }
    return SuiteReport(
        suite="v1-comparison",
        settings={
            **settings.to_json(),
            "records": n_records,
            "frames": len(reference.frames),
            "precision": chosen,
        },
        panels=[*_speed_panels(versions), *_agreement_panels(agreements)],
        targets=[
            Target(
                f"{what}, {name} and {_REFERENCE}",
                "at least",
                _LEAST_AGREEMENT,
                value,
                "percent; of the same weights only rounding may differ",
            )
            for name, agreement in agreements.items()
            for what, value in (
                ("frames with the same prediction", agreement.frames),
                ("records with the same call", agreement.records),
            )
        ],
        notes=notes,
    )


def _speed_panels(versions: Sequence[_Version]) -> list[Panel]:
    def points(kind: EncoderKind) -> list[tuple[str, _Version, EncoderKind]]:
        return [(f"{_TITLES[kind]}: {each.name}", each, kind) for each in versions]

    rows = [row for kind in KINDS for row in points(kind)]
    seconds = tuple(Point(name, each.seconds(kind)) for name, each, kind in rows)
    memory = tuple(Point(name, each.mebibytes(kind)) for name, each, kind in rows)
    ratios = tuple(
        Point(
            name,
            tuple(
                theirs / ours
                for theirs, ours in zip(versions[0].seconds(kind), each.seconds(kind), strict=True)
            ),
        )
        for name, each, kind in rows
        if each is not versions[0]
    )
    return [
        Panel("Seconds of embedding", "s", seconds, "lower"),
        Panel(f"How many times as fast as {_REFERENCE}", "×", ratios, "higher"),
        Panel("Largest memory", "MiB", memory, "lower"),
    ]


def _agreement_panels(agreements: Mapping[str, Agreement]) -> list[Panel]:
    calls, distances, scores = [], [], []
    for name, found in agreements.items():
        calls.append(Point(f"{name}: frames", (found.frames,)))
        calls.append(Point(f"{name}: records", (found.records,)))
        scores.append(Point(name, (found.score_difference,)))
        for kind in KINDS:
            title = f"{name}: {_TITLES[kind]}"
            # The distance, because a cosine of 0.99999999 is 1 in a table.
            largest = max(0.0, 1 - found.smallest_cosine[kind])
            distances.append(Point(f"{title}, largest", (largest,)))
            median = max(0.0, 1 - found.median_cosine[kind])
            distances.append(Point(f"{title}, median", (median,)))
    return [
        Panel(f"Same as {_REFERENCE}", "%", tuple(calls), "higher"),
        Panel(f"Distance to embeddings of {_REFERENCE}", "1 − cosine", tuple(distances), "lower"),
        Panel(f"Largest difference of a score to {_REFERENCE}", "", tuple(scores), "lower"),
    ]


def _percent(same: Sequence[bool]) -> float:
    return 100.0 * sum(same) / len(same)
