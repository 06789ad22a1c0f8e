"""A version of this project as its users run it: its commands, in processes of their own."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.benchmarking._encoder_bench import KINDS
from virnucpro_core.benchmarking._suite_reads import no_frames
from virnucpro_core.embedding import row_cosines
from virnucpro_core.errors import VirnucproError
from virnucpro_core.models import EncoderKind
from virnucpro_core.store import Embeddings, RecordTable, read_embeddings

__all__ = ["EncoderTime", "Results", "VersionRun", "cosines"]

_PROGRAM = "import sys; from virnucpro_core.cli import main; sys.exit(main())"
_SAMPLE = "bench"
_ALL_FRAMES = 1_000_000_000
"""Frames in a shard: more than there are, so that each command has one file to read."""

_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class EncoderTime:
    """What one encoder took.

    Attributes:
        seconds: of embedding, without loading and waiting for the device.
        peak_bytes: the most main memory that its process had.
    """

    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Results:
    """What a version made of the reads.

    Attributes:
        embeddings: of each encoder.
        frames: ``(prediction, score of the virus class)`` of each frame, by its id.
        calls: the call of each record, by its id.
    """

    embeddings: Mapping[EncoderKind, Embeddings]
    frames: Mapping[str, tuple[str, float]]
    calls: Mapping[str, str]


class VersionRun:
    """The commands from reads to calls of one version, with one set of options.

    Args:
        tree: the folder that holds its package.
        reads: FASTA.
        source: the file that these are from, for messages.
        model: a bundle.
        window_size, frame_rule: of the bundle.
        options: of ``virnucpro embed``.
        threads: of the encoders.
        folder: for what it writes; made.

    Raises:
        InputError: the reads have no frame.
        VirnucproError: they cannot be prepared.
    """

    def __init__(
        self,
        tree: Path,
        reads: Path,
        model: str,
        window_size: int,
        frame_rule: FrameRule,
        *,
        source: Path,
        options: Sequence[str],
        threads: int,
        folder: Path,
    ) -> None:
        self._tree, self._reads, self._model, self._folder = tree, reads, model, folder
        self._options = [*options, "--threads", str(threads)]
        folder.mkdir(parents=True)
        self._command(
            *("prepare", str(reads), "--sample", _SAMPLE, "--outdir", str(folder)),
            *("--window-size", str(window_size), "--shard-frames", str(_ALL_FRAMES)),
            # Older versions know neither the option nor such a model.
            *(() if frame_rule == "complete" else ("--frame-rule", frame_rule)),
        )
        shards = [*folder.glob("shards/*.h5")]
        if not shards:
            raise no_frames(source, RecordTable.open(folder / f"{_SAMPLE}.records.h5").n_records)
        (self._shard,) = shards

    def embed(self, kind: EncoderKind) -> EncoderTime:
        """Embed all frames once more.

        Raises:
            VirnucproError: the command failed.
        """
        stages = self._folder / f"{kind}.tsv"
        peak = self._command(
            *("embed", str(self._shard), "--encoder", kind, "--model", self._model),
            *("--output", str(self._embeddings(kind)), "--stages", str(stages), *self._options),
        )
        (row,) = _rows(stages)
        return EncoderTime(float(row["seconds"]), peak)

    def results(self) -> Results:
        """Classify what was embedded last, and call the records.

        Raises:
            VirnucproError: a command failed.
        """
        scores, out = self._folder / "scores.h5", self._folder / "results"
        self._command(
            *("classify", str(self._shard), "--model", self._model, "--output", str(scores)),
            *(word for kind in KINDS for word in (f"--{kind}", str(self._embeddings(kind)))),
        )
        self._command(
            *("consensus", "--records", str(self._folder / f"{_SAMPLE}.records.h5")),
            *("--reads", str(self._reads), "--sample", _SAMPLE, "--outdir", str(out), str(scores)),
        )
        found = out / _SAMPLE if (out / _SAMPLE).is_dir() else out
        return Results(
            embeddings={kind: read_embeddings(self._embeddings(kind)) for kind in KINDS},
            frames={
                row["Sequence_ID"]: (row["Prediction"], float(row["score2"]))
                for row in _rows(found / "prediction_results.txt")
            },
            calls={row["id"]: row["call"] for row in _rows(found / "sequences.tsv")},
        )

    def _embeddings(self, kind: EncoderKind) -> Path:
        return self._folder / f"{kind}.h5"

    def _command(self, *words: str) -> int:
        """Run a command to its end; the most bytes of main memory that it had."""
        log = self._folder / "log.txt"
        environment = {**os.environ, "PYTHONPATH": str(self._tree), "PYTHONDONTWRITEBYTECODE": "1"}
        # What one round has committed the next would only read.
        environment.pop("VIRNUCPRO_CHECKPOINT_DIR", None)
        with log.open("w+", encoding="utf-8") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *words],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            # Not process.wait(): only this tells what the process used.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise VirnucproError(
                f"'virnucpro {words[0]}' ended with {process.returncode}: "
                f"{lines[-1] if lines else 'it said nothing'}",
                remedy="run it by hand to see all that it says",
            )
        return usage.ru_maxrss * _MAXRSS_UNIT


def cosines(a: Embeddings, b: Embeddings) -> NDArray[np.float64]:
    """Cosine of the two embeddings of each frame, float64 [n], in the order of ``a``."""
    place = {name: row for row, name in enumerate(b.ids)}
    return row_cosines(a.values, b.values[[place[name] for name in a.ids]])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))
