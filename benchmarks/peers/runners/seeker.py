"""Seeker (Auslander et al. 2020, doi:10.1093/nar/gkaa856), its network in numpy.

``--weights`` is the folder ``seeker/models`` of a checkout of gussow/seeker, with ``model.h5``: the
model of its command ``predict-metagenome``. Needs numpy and h5py.

Shape letters: ``S`` segments, ``U`` units of the LSTM, 5.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.runners._runner import Answer, Scorer, Window, run

_SEGMENT = 1000
_SHORTEST = 201
_LETTERS = "ATCG"
"""A letter's token is its place here, from 1; 0 is padding, which no segment has."""
_SEED = 243789
_BATCH = 1024


def load(weights: Path | None) -> Scorer:
    """Read the embedding, the LSTM and the dense layer."""
    if weights is None:
        raise FileNotFoundError("give the folder with model.h5 as its weights")
    with h5py.File(weights / "model.h5") as file:
        layers = file["model_weights"]
        embedding = layers["embedding/embedding/embeddings:0"][:]
        lstm = [layers[f"lstm/lstm/{name}:0"][:] for name in ("kernel", "recurrent_kernel", "bias")]
        dense = [layers[f"dense/dense/{name}:0"][:] for name in ("kernel", "bias")]
    # Per token what it adds to the gates, [5, 4U].
    of_token, recurrent = embedding @ lstm[0] + lstm[2], lstm[1]

    def score(windows: Sequence[Window]) -> Iterable[Answer]:
        long_enough = [window for window in windows if len(window.letters) >= _SHORTEST]
        segments = [_segments(window.letters) for window in long_enough]
        tokens = np.array([row for rows in segments for row in rows]).reshape(-1, _SEGMENT)
        values = np.concatenate(
            [np.zeros(0)]
            + [
                _phage(tokens[first : first + _BATCH], of_token, recurrent, *dense)
                for first in range(0, len(tokens), _BATCH)
            ]
        )
        end = 0
        for window, rows in zip(long_enough, segments, strict=True):
            end += len(rows)
            value = float(values[end - len(rows) : end].mean())
            yield Answer(window.id, value, value, value >= 0.5)

    return score


def _segments(letters: str) -> list[list[int]]:
    """Tokens of pieces of 1,000 bases; the last begins earlier, a short window is repeated."""
    source = random.Random(_SEED)
    letters = re.sub("[^ACGT]", lambda _: source.choice("ACGT"), letters)
    if len(letters) < _SEGMENT:
        pieces = [(letters * (_SEGMENT // len(letters) + 1))[:_SEGMENT]]
    else:
        starts = range(0, len(letters), _SEGMENT)
        pieces = [letters[min(s, len(letters) - _SEGMENT) :][:_SEGMENT] for s in starts]
    return [[_LETTERS.index(letter) + 1 for letter in piece] for piece in pieces]


def _phage(
    tokens: NDArray[np.int64],
    of_token: NDArray[np.float32],
    recurrent: NDArray[np.float32],
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> NDArray[np.float64]:
    """float64 [S]: softmax output of the class phage, of ``tokens`` [S, 1000]."""
    units = len(recurrent)
    hidden = np.zeros((len(tokens), units))
    cell = np.zeros_like(hidden)
    for place in range(tokens.shape[1]):
        gates = of_token[tokens[:, place]] + hidden @ recurrent  # input, forget, cell, output
        into, forget, out = (
            1 / (1 + np.exp(-gates[:, units * n : units * (n + 1)])) for n in (0, 1, 3)
        )
        cell = forget * cell + into * np.tanh(gates[:, 2 * units : 3 * units])
        hidden = out * np.tanh(cell)
    logits = hidden @ kernel + bias
    result: NDArray[np.float64] = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    return result


if __name__ == "__main__":
    run(load)
