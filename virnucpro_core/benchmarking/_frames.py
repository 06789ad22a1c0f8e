"""Windows, frames and shards: ours against seqkit and against a plain Python loop.

seqkit and ours are timed as whole processes on the same file, start-up and reading included. seqkit
writes the translations of six frames of every window to one FASTA file; ours also picks the
stop-free frames and writes both their nucleotides and proteins with checksums. The plain loop and
ours are timed on records that are in memory already, so that only the work itself is compared.
All take turns, so that a change of the machine's speed meets all of them.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from virnucpro_core.benchmarking._plain_loop import plain_loop
from virnucpro_core.benchmarking._timing import seconds_of
from virnucpro_core.errors import InputError, VirnucproError
from virnucpro_core.sequences import (
    PrepareSettings,
    RecordBatch,
    prepare_batches,
    read_batches,
)

__all__ = ["FramesReport", "measure_frames"]

_GENOME_BASES = 60_000_000
_LOOP_BASES = 2_000_000
"""The plain loop is timed on about as many bases and its time scaled: it is linear, and slow."""


@dataclass(frozen=True, slots=True)
class FramesReport:
    """Seconds of each run, on the same bases.

    Attributes:
        n_bases: bases in the measured file.
        process: of ``virnucpro prepare``, a whole process.
        seqkit: of ``seqkit sliding | seqkit translate -f 6``; empty where it is not installed.
        in_memory: of windows, frames and shards of records in memory.
        plain_loop: of the plain Python loop on records in memory, scaled to ``n_bases``.
    """

    n_bases: int
    process: list[float]
    seqkit: list[float]
    in_memory: list[float]
    plain_loop: list[float]

    def __str__(self) -> str:
        lines = [
            f"windows + frames + shards, {self.n_bases / 1e6:.1f} Mb, {len(self.process)} runs",
            "| program | seconds (min / median / max) | time / ours |",
            "|---|---|---|",
            _row("virnucpro prepare, whole process", self.process, self.process),
            _row("seqkit sliding \\| seqkit translate -f 6", self.seqkit, self.process)
            if self.seqkit
            else "| seqkit | not measured: seqkit is not on PATH | |",
            _row("virnucpro, records in memory", self.in_memory, self.in_memory),
            _row("plain Python codon loop, records in memory", self.plain_loop, self.in_memory),
        ]
        return "\n".join(lines)


def _row(name: str, seconds: list[float], ours: list[float]) -> str:
    ratios = [theirs / mine for theirs, mine in zip(seconds, ours, strict=True)]
    spread = f"{min(seconds):.2f} / {statistics.median(seconds):.2f} / {max(seconds):.2f}"
    return f"| {name} | {spread} | {statistics.median(ratios):.2f} |"


def measure_frames(sequences: Path | None, *, window_size: int, runs: int) -> FramesReport:
    """Time all contestants in turn, ``runs`` times each after one warm-up.

    Args:
        sequences: FASTA that both programs read; None makes a random genome of 60 Mb of which half
            is coding.

    Raises:
        InputError: the sequences cannot be used, or are none.
        UsageError: the window is shorter than a codon.
        VirnucproError: a program failed.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        fasta = sequences or _random_genome(directory / "genome.fa")
        batches = list(read_batches(fasta))
        n_bases = sum(len(letters) for batch in batches for letters in batch.sequences)
        if n_bases == 0:
            raise InputError("has no bases", where=str(fasta), remedy="give other sequences")
        piece = _first_records(batches)
        scale = n_bases / sum(len(letters) for _, letters in piece)
        report = FramesReport(n_bases, [], [], [], [])
        contestants: list[tuple[list[float], Callable[[], object], float]] = [
            # First, because it tells of a mistake in the sequences itself: a process only ends.
            (report.in_memory, lambda: _run_in_memory(batches, directory, window_size), 1.0),
            (report.process, lambda: _run_process(fasta, directory, window_size), 1.0),
            (report.plain_loop, lambda: plain_loop(piece, window_size, directory), scale),
        ]
        if shutil.which("seqkit"):
            contestants.insert(
                2, (report.seqkit, lambda: _run_seqkit(fasta, directory, window_size), 1.0)
            )
        for run in range(runs + 1):
            for seconds, action, factor in contestants:
                shutil.rmtree(directory / "ours", ignore_errors=True)
                measured = seconds_of(action)
                if run > 0:  # the first run of each only warms the caches
                    seconds.append(measured * factor)
        return report


def _run_process(fasta: Path, directory: Path, window_size: int) -> None:
    program = "import sys; from virnucpro_core.cli import main; sys.exit(main())"
    options = ["--window-size", str(window_size), "--outdir", str(directory / "ours")]
    _check([sys.executable, "-c", program, "prepare", str(fasta), "--sample", "x", *options])


def _run_in_memory(batches: list[RecordBatch], directory: Path, window_size: int) -> None:
    settings = PrepareSettings("x", window_size, shard_frames=20_000)
    prepare_batches(iter(batches), directory / "ours", settings)


def _run_seqkit(fasta: Path, directory: Path, window_size: int) -> None:
    size = str(window_size)
    output = directory / "seqkit.fa"
    with subprocess.Popen(
        ["seqkit", "sliding", "--quiet", "-s", size, "-W", size, "-g", str(fasta)],
        stdout=subprocess.PIPE,
    ) as sliding:
        _check(
            ["seqkit", "translate", "--quiet", "-f", "6", "-o", str(output)], stdin=sliding.stdout
        )
    if sliding.returncode != 0:
        raise VirnucproError(f"seqkit sliding ended with {sliding.returncode}")


def _check(command: list[str], *, stdin: IO[bytes] | None = None) -> None:
    done = subprocess.run(
        command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        raise VirnucproError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")


def _random_genome(path: Path) -> Path:
    """Stretches of 1,500 random codons without stops, between as many random bases."""
    rng = np.random.default_rng(1)
    codons = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    sense = np.array([c for c in codons if c not in ("TAA", "TAG", "TGA")], dtype="S3")
    bases = np.array(list("ACGT"), dtype="S1")
    with path.open("wb") as file:
        file.write(b">genome\n")
        for _ in range(_GENOME_BASES // 9_000):
            stretch = rng.choice(sense, 1_500).tobytes() + rng.choice(bases, 4_500).tobytes()
            file.writelines(stretch[i : i + 60] + b"\n" for i in range(0, len(stretch), 60))
    return path


def _first_records(batches: list[RecordBatch]) -> list[tuple[str, str]]:
    """Records, the last one cut, of about `_LOOP_BASES`."""
    records: list[tuple[str, str]] = []
    left = _LOOP_BASES
    for batch in batches:
        for name, letters in zip(batch.ids, batch.sequences, strict=True):
            if left > 0:
                records.append((name, letters[:left]))
                left -= len(letters)
    return records
