"""DeepMicroClass (Hou et al. 2024, doi:10.1093/nargab/lqae044), PyPI package DeepMicroClass."""

from __future__ import annotations

import csv
import importlib
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.peers.runners._runner import Answer, Scorer, Window, run, write_fasta

_SHORTEST = 500
_CLASSES = ("Eukaryote", "EukaryoteVirus", "Plasmid", "Prokaryote", "ProkaryoteVirus")
_VIRAL = ("EukaryoteVirus", "ProkaryoteVirus")


def load(weights: Path | None) -> Scorer:
    """The package has its weights; a checkpoint in the folder ``weights`` takes their place."""
    predict = importlib.import_module("DeepMicroClass.predict")
    folder = Path(predict.__file__ or "").parent if weights is None else weights
    checkpoint = folder / "model.ckpt"
    if not checkpoint.is_file():
        raise FileNotFoundError(f"{checkpoint} is not there")

    def score(windows: Sequence[Window]) -> Iterable[Answer]:
        long_enough = [window for window in windows if len(window.letters) >= _SHORTEST]
        if not long_enough:
            return
        with tempfile.TemporaryDirectory() as name:
            reads = Path(name) / "windows.fasta"
            write_fasta(long_enough, reads)
            predict.predict(str(reads), str(checkpoint), name, device="cpu")
            (table,) = Path(name).glob("*.tsv")
            with table.open(encoding="utf-8", newline="") as file:
                yield from map(_answer, csv.DictReader(file, delimiter="\t"))

    return score


def _answer(row: dict[str, str]) -> Answer:
    """The share of both classes of viruses in the summed softmax outputs of a window's pieces."""
    outputs = {name: float(row[name]) for name in _CLASSES}
    probability = sum(outputs[name] for name in _VIRAL) / sum(outputs.values())
    best = max(outputs, key=lambda name: outputs[name])
    return Answer(row["Sequence Name"], probability, probability, best in _VIRAL)


if __name__ == "__main__":
    run(load)
