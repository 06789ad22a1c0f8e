"""Our own tools: a bundle, from reads to calls as the pipeline does it, and the k-mer baseline."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import virnucpro_core
from benchmarks.peers._scores import Scores, digest_of, from_rows
from benchmarks.peers._windows import WindowSet
from virnucpro_core import calling
from virnucpro_core.embedding import (
    EncoderSource,
    Precision,
    ShardEmbedder,
    resolve_settings,
)
from virnucpro_core.models import Classifier, Encoder, EncoderKind, open_bundle
from virnucpro_core.sequences import PrepareSettings, prepare, read_batches
from virnucpro_core.store import ByteStrings, RecordTable, read_shard, write_scores
from virnucpro_core.training import (
    WINDOW_SEQUENCES,
    Dataset,
    DatasetSettings,
    KmerModel,
    open_or_make_dataset,
    read_window_sequences,
)

__all__ = ["BundleCalls", "BundleScorer", "KmerTool", "open_kmer_dataset"]

_SAMPLE = "windows"
_KINDS: tuple[EncoderKind, ...] = ("dna", "protein")
_SHARD_FRAMES = 20_000


class BundleScorer:
    """Scores the frames of windows with a bundle, on the CPU; each set of windows once.

    Args:
        model: a bundle's name or directory.
        work: a folder for what is made on the way.

    Raises:
        BundleError: there is no such bundle, or it cannot be used.
    """

    def __init__(self, model: str, work: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        self.bundle = open_bundle(model)
        self._settings = resolve_settings("cpu", Precision.AUTO, 0)
        self._sources = {kind: EncoderSource(self.bundle, kind) for kind in _KINDS}
        self._work = work / self.bundle.sha256[:12]
        self._seconds: dict[str, float] = {}

    @cached_property
    def _weights(self) -> tuple[dict[EncoderKind, Encoder], Classifier]:
        """Loaded when the first window is scored: scores that are there need none."""
        encoders = {k: s.load_encoder(self._settings) for k, s in self._sources.items()}
        return encoders, self.bundle.load_classifier()

    def score(self, windows: WindowSet) -> tuple[Path, list[Path], float]:
        """The record table, the files of scores, and the seconds that it took."""
        folder = self._work / str(windows.length)
        records = folder / f"{_SAMPLE}.records.h5"
        if windows.sha256 not in self._seconds:
            shutil.rmtree(folder, ignore_errors=True)
            encoders, classifier = self._weights
            started = time.perf_counter()
            settings = PrepareSettings(
                _SAMPLE, self.bundle.window_size, _SHARD_FRAMES, self.bundle.frame_rule
            )
            for path in prepare(windows.fasta, folder, settings).shards:
                made = {
                    kind: ShardEmbedder(path, source).embed(self._settings, encoder=encoders[kind])
                    for kind, source in self._sources.items()
                }
                scores = calling.classify_frames(
                    read_shard(path),
                    made["dna"].embeddings,
                    made["protein"].embeddings,
                    classifier,
                    bundle_sha256=self.bundle.sha256,
                    calibration=self.bundle.calibration,
                    trained_rule=self.bundle.frame_rule,
                    reliability=self.bundle.load_reliability(),
                )
                write_scores(scores, folder / f"{path.stem}.scores.h5")
            self._seconds[windows.sha256] = time.perf_counter() - started
        return records, sorted(folder.glob("*.scores.h5")), self._seconds[windows.sha256]


class BundleCalls:
    """A bundle's calls at a prevalence; each length is a sample of its own.

    The score is the record's probability at even odds, which is also what its calibration is judged
    by; the virus score where the bundle has no calibration.

    Args:
        name: of the bundle in the tables.
        prevalence: ``auto``, or a number.
    """

    def __init__(self, scorer: BundleScorer, name: str, prevalence: str) -> None:
        self._scorer = scorer
        self._prevalence = calling.parse_prevalence(prevalence)
        self.name = name if prevalence == "auto" else f"{name} at prevalence {prevalence}"
        package = Path(virnucpro_core.__file__).parent
        code = (path.read_bytes() for path in sorted(package.rglob("*.py")))
        self.identity = digest_of([scorer.bundle.sha256, prevalence, *code])

    def score(self, windows: WindowSet) -> Scores:
        """From reads to calls."""
        table, scores, seconds = self._scorer.score(windows)
        records, folder = RecordTable.open(table), table.parent
        is_calibrated = self._scorer.bundle.calibration is not None
        started = time.perf_counter()
        calling.write_consensus(
            records, scores, windows.fasta, folder / "calls", prevalence=self._prevalence
        )
        seconds += time.perf_counter() - started
        rows = _rows(folder / "calls")
        if is_calibrated:
            calling.write_consensus(records, scores, windows.fasta, folder / "even", prevalence=0.5)
        even = _rows(folder / "even") if is_calibrated else rows
        answers = {
            name: {
                "score": even[name]["probability" if is_calibrated else "virus_score"],
                "probability": even[name]["probability"],
                "is_virus": str(row["call"] == "virus"),
                "tier": "" if row["tier"] == "NA" else row["tier"],
            }
            for name, row in rows.items()
        }
        return from_rows(windows, answers, seconds)


class KmerTool:
    """Logistic regression on k-mers (`KmerModel`), fitted when it is first asked.

    Args:
        dataset: whose training windows it is fitted on.
        log: called with lines of progress.
    """

    name = "k-mer logistic regression"

    def __init__(self, dataset: Dataset, log: Callable[[str], None]) -> None:
        self.identity = dataset.sha256
        self._dataset = dataset
        self._log = log
        self._model: KmerModel | None = None

    def score(self, windows: WindowSet) -> Scores:
        """Probabilities of all windows."""
        model = self._model = self._model or self._fit()
        letters = ByteStrings.from_iterable(
            sequence.encode()
            for batch in read_batches(windows.fasta, is_sample=False)
            for sequence in batch.sequences
        )
        started = time.perf_counter()
        probability = model.predict(letters)
        seconds = time.perf_counter() - started
        return Scores(probability, probability, probability >= 0.5, [""] * len(letters), seconds)

    def _fit(self) -> KmerModel:
        table = self._dataset.windows
        letters = read_window_sequences(self._dataset.path / WINDOW_SEQUENCES, table.id)

        def part(name: str) -> tuple[ByteStrings, NDArray[np.int64]]:
            rows = table.part(name)
            return ByteStrings.from_iterable(letters[row] for row in rows.tolist()), table.label[
                rows
            ]

        return KmerModel(part("train"), part("validation"), self._log)


def open_kmer_dataset(path: Path, folder: Path, log: Callable[[str], None]) -> Dataset:
    """A dataset directory, or one made in ``folder`` of a training sheet."""
    if (path / "dataset.json").exists():
        return Dataset.open(path)
    return open_or_make_dataset(path, folder, DatasetSettings(), log)


def _rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "sequences.tsv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}
