"""Windows, frames and shards: ours against seqkit and against a plain Python loop.

All are timed as whole processes on the same file, in turn, so that a change of the machine's speed
meets all of them. seqkit writes the translations of six frames of every window to one FASTA file;
ours also picks the stop-free frames and writes both their nucleotides and proteins with checksums.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from virnucpro_core.errors import VirnucproError

__all__ = ["FramesReport", "measure_frames"]

_GENOME_BASES = 60_000_000
_LOOP_BASES = 2_000_000
"""The plain loop is timed on this many bases and its time scaled: it is linear, and slow."""

_PLAIN_LOOP = Path(__file__).with_name("_plain_loop.py")


@dataclass(frozen=True, slots=True)
class FramesReport:
    """Seconds per run of each contestant, on the same bases.

    Attributes:
        n_bases: bases in the measured file.
        ours: seconds of each run of ``virnucpro prepare``.
        seqkit: the same of ``seqkit sliding | seqkit translate``; empty where it is not installed.
        plain_loop: the same of the plain Python loop, scaled to ``n_bases``.
    """

    n_bases: int
    ours: list[float]
    seqkit: list[float]
    plain_loop: list[float]

    def __str__(self) -> str:
        lines = [f"windows + frames + shards, {self.n_bases / 1e6:.1f} Mb, {len(self.ours)} runs"]
        lines += ["| program | seconds (min / median / max) | time / ours |", "|---|---|---|"]
        lines.append(_row("virnucpro prepare", self.ours, self.ours))
        if self.seqkit:
            lines.append(_row("seqkit sliding \\| seqkit translate -f 6", self.seqkit, self.ours))
        else:
            lines.append("| seqkit | not measured: seqkit is not on PATH | |")
        lines.append(_row("plain Python codon loop (scaled)", self.plain_loop, self.ours))
        return "\n".join(lines)


def _row(name: str, seconds: list[float], ours: list[float]) -> str:
    ratios = [theirs / mine for theirs, mine in zip(seconds, ours, strict=True)]
    spread = f"{min(seconds):.2f} / {statistics.median(seconds):.2f} / {max(seconds):.2f}"
    return f"| {name} | {spread} | {statistics.median(ratios):.2f} |"


def measure_frames(sequences: Path | None, *, window_size: int, runs: int) -> FramesReport:
    """Time all contestants in turn, ``runs`` times each after one warm-up.

    Args:
        sequences: uncompressed FASTA; None makes a random genome of 60 Mb of which half is coding.

    Raises:
        VirnucproError: a program failed.
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        fasta = sequences or _random_genome(directory / "genome.fa")
        n_bases = _count_bases(fasta)
        piece = _first_bases(fasta, directory / "piece.fa")
        scale = n_bases / _count_bases(piece)
        seqkit = shutil.which("seqkit")
        report = FramesReport(n_bases, [], [], [])
        for run in range(runs + 1):
            for seconds, measure, factor in (
                (report.ours, lambda: _run_ours(fasta, directory, window_size), 1.0),
                (report.seqkit, lambda: _run_seqkit(fasta, directory, window_size), 1.0),
                (report.plain_loop, lambda: _run_loop(piece, directory, window_size), scale),
            ):
                if seconds is report.seqkit and seqkit is None:
                    continue
                measured = _timed(measure)
                if run > 0:  # the first run of each only warms the caches
                    seconds.append(measured * factor)
        return report


def _timed(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _run_ours(fasta: Path, directory: Path, window_size: int) -> None:
    outdir = directory / "ours"
    shutil.rmtree(outdir, ignore_errors=True)
    program = "import sys; from virnucpro_core.cli import main; sys.exit(main())"
    options = ["--sample", "x", "--window-size", str(window_size), "--outdir", str(outdir)]
    _check([sys.executable, "-c", program, "prepare", str(fasta), *options])


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


def _run_loop(fasta: Path, directory: Path, window_size: int) -> None:
    _check([sys.executable, str(_PLAIN_LOOP), str(fasta), str(window_size), str(directory)])


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


def _count_bases(fasta: Path) -> int:
    with fasta.open("rb") as file:
        return sum(len(line.strip()) for line in file if not line.startswith(b">"))


def _first_bases(fasta: Path, path: Path) -> Path:
    with fasta.open("rb") as file, path.open("wb") as piece:
        written = 0
        for line in file:
            if written >= _LOOP_BASES:
                break
            piece.write(line)
            written += 0 if line.startswith(b">") else len(line.strip())
    return path
