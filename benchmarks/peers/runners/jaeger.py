"""Jaeger (Wijesekara et al. 2024, doi:10.1101/2024.09.24.612722), PyPI package jaeger-bio[cpu]."""

from __future__ import annotations

import csv
import importlib
import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.peers.runners._runner import Answer, Scorer, Window, run, write_fasta

_MODEL = "default"
_SHORTEST = 500
"""It was trained on fragments of 1 and 2 kb."""
_LONGEST_FRAGMENT = 2000
"""Default of ``--fsize``. A shorter window is one fragment of its own length."""
_CLASSES = ("bacteria", "phage", "eukarya", "archaea")


def load(weights: Path | None) -> Scorer:
    """The package has its weights."""
    if weights is not None:
        raise FileNotFoundError("jaeger-bio brings its weights: give no folder of weights")
    importlib.import_module("jaeger.commands.predict_legacy")  # TensorFlow, before the clock starts
    cli = importlib.import_module("jaeger.cli")

    def score(windows: Sequence[Window]) -> Iterable[Answer]:
        long_enough = [window for window in windows if len(window.letters) >= _SHORTEST]
        by_fragment = sorted(long_enough, key=_fragment)
        for fragment, alike in groupby(by_fragment, key=_fragment):
            with tempfile.TemporaryDirectory() as name:
                reads = Path(name) / "windows.fasta"
                write_fasta(alike, reads)
                command = ["-i", str(reads), "-o", name, "--fsize", str(fragment), "--cpu"]
                cli.predict.main(
                    [*command, "--model", _MODEL, "--workers", "1"], standalone_mode=False
                )
                yield from _answers(Path(name) / _MODEL)

    return score


def _fragment(window: Window) -> int:
    return min(len(window.letters), _LONGEST_FRAGMENT)


def _answers(folder: Path) -> Iterator[Answer]:
    phages = {row["contig_id"] for row in _rows(folder / "windows_phages_jaeger.tsv")}
    for row in _rows(folder / "windows_jaeger.tsv"):
        logits = [float(row[f"{name}_score"]) for name in _CLASSES]
        exponentials = [math.exp(logit - max(logits)) for logit in logits]
        probability = exponentials[_CLASSES.index("phage")] / sum(exponentials)
        yield Answer(row["contig_id"], probability, probability, row["contig_id"] in phages)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


if __name__ == "__main__":
    run(load)
