"""Peers, each run by the Python of an environment of its own."""

from __future__ import annotations

import csv
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers._scores import Scores, digest_of, from_rows
from benchmarks.peers._windows import WindowSet
from virnucpro_core.errors import UsageError, VirnucproError

__all__ = ["PEERS", "PeerError", "PeerTool", "find_peers"]

_ROOT = Path(__file__).resolve().parents[2]
_RUNNERS = Path(__file__).parent / "runners"
_EXIT_MISSING = 3

PEERS = {
    "deepvirfinder": "DeepVirFinder",
    "jaeger": "Jaeger",
    "deepmicroclass": "DeepMicroClass",
    "seeker": "Seeker",
}
"""The programs in `benchmarks.peers.runners`, and what the tables call them."""


class PeerError(VirnucproError):
    """A peer that is not there, or that failed.

    Attributes:
        is_missing: its environment or its weights are not there.
    """

    def __init__(self, what: str, *, where: str, remedy: str, is_missing: bool) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.is_missing = is_missing


@dataclass(frozen=True, slots=True)
class PeerTool:
    """A peer in its environment.

    Attributes:
        key: one of `PEERS`.
        python: the interpreter of its environment.
        weights: a folder; None for those of its package.
        threads: that it may use.
    """

    key: str
    python: Path
    weights: Path | None
    threads: int

    @property
    def name(self) -> str:
        """In the tables."""
        return PEERS[self.key]

    @property
    def identity(self) -> str:
        """By the program that runs it, and by where it is."""
        code = [(_RUNNERS / f"{name}.py").read_bytes() for name in ("_runner", self.key)]
        return digest_of([str(self.python), str(self.weights), *code])

    def score(self, windows: WindowSet) -> Scores:
        """Run the peer.

        Raises:
            PeerError: it is not there, or it failed.
        """
        with tempfile.TemporaryDirectory() as name:
            answers = Path(name) / "answers.tsv"
            fasta = str(windows.fasta.resolve())
            words = [
                str(self.python),
                "-m",
                f"benchmarks.peers.runners.{self.key}",
                fasta,
                str(answers),
            ]
            if self.weights is not None:
                words += ["--weights", str(self.weights)]
            try:
                run = subprocess.run(
                    words, capture_output=True, text=True, errors="replace", check=False,
                    cwd=_ROOT, env=_environment(self.threads),
                )  # fmt: skip
            except OSError as error:
                raise self._error(f"cannot be started ({error})", is_missing=True) from error
            if run.returncode:
                last = (run.stderr.strip().splitlines() or ["it said nothing"])[-1]
                is_missing = run.returncode == _EXIT_MISSING
                what = last if is_missing else f"failed with exit code {run.returncode}: {last}"
                raise self._error(what, is_missing=is_missing)
            try:
                with answers.open(encoding="utf-8", newline="") as file:
                    seconds = float(file.readline().removeprefix("# seconds="))
                    rows = {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}
                return from_rows(windows, rows, seconds)
            except (OSError, KeyError, ValueError) as error:
                raise self._error(
                    f"gave no answers that can be read ({error})", is_missing=False
                ) from error

    def _error(self, what: str, *, is_missing: bool) -> PeerError:
        return PeerError(
            what,
            where=f"{self.name}, {self.python}",
            remedy="see benchmarks/README.md for its environment",
            is_missing=is_missing,
        )


def find_peers(
    pythons: Mapping[str, str], weights: Mapping[str, str], threads: int
) -> list[PeerTool]:
    """Those that were named, in the order of `PEERS`.

    Raises:
        UsageError: there is no such peer, or weights are for one that has no Python.
    """
    for key in (*pythons, *weights):
        if key not in PEERS:
            raise UsageError(
                f"there is no peer {key!r}", remedy=f"the peers are {', '.join(PEERS)}"
            )
        if key not in pythons:
            raise UsageError(
                f"there are weights for {key} and no Python", remedy=f"give --peer {key}=PYTHON"
            )
    return [
        PeerTool(
            key,
            Path(pythons[key]).absolute(),  # not resolved: the link is what names the environment
            Path(weights[key]).absolute() if key in weights else None,
            threads,
        )
        for key in PEERS
        if key in pythons
    ]


def _environment(threads: int) -> dict[str, str]:
    """On the CPU, with so many threads."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
             "TF_NUM_INTRAOP_THREADS")  # fmt: skip
    return {
        **os.environ,
        **dict.fromkeys(names, str(threads)),
        "TF_NUM_INTEROP_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
