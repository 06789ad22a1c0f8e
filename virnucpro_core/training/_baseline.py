"""What counting k-mers alone achieves: the model that an embedding has to beat.

Shape letters: ``W`` windows, ``K`` distinct canonical k-mers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.store import ByteStrings
from virnucpro_core.training._extras import import_extra

__all__ = ["KMER_SIZES", "KmerModel", "count_kmers"]

KMER_SIZES = (4, 5, 6)
_REGULARISATIONS = (1e-4, 1e-3, 1e-2, 1e-1)
_MOST_ITERATIONS = 200
_MOST_WINDOWS = 50_000
_BLOCK_WINDOWS = 4096
_CODE = np.full(256, -1, dtype=np.int64)
for _number, _letter in enumerate(b"ACGT"):
    _CODE[_letter] = _number


class KmerModel:
    """Logistic regression on frequencies of canonical 4-, 5- and 6-mers.

    Every frequency is scaled to mean 0 and deviation 1 on the training windows; the strength of the
    regularisation is that with the lowest loss on the validation windows. Of more than 50,000
    training windows every second, third, ... one is used, so that memory stays below 2 GB.

    Args:
        train, validation: windows, and their labels int64 [W].
        log: called with lines of progress.
    """

    def __init__(
        self,
        train: tuple[ByteStrings, NDArray[np.int64]],
        validation: tuple[ByteStrings, NDArray[np.int64]],
        log: Callable[[str], None],
    ) -> None:
        preprocessing, linear_model = (
            import_extra("sklearn.preprocessing"),
            import_extra("sklearn.linear_model"),
        )
        warns = import_extra("sklearn.exceptions").ConvergenceWarning
        log_loss = import_extra("sklearn.metrics").log_loss
        step = -(-len(train[0]) // _MOST_WINDOWS)
        rows = np.arange(0, len(train[0]), step)
        counts, labels = count_kmers(_pick(train[0], rows)), train[1][rows]
        self._scaler = preprocessing.StandardScaler(copy=False).fit(counts)
        features = self._scaler.transform(counts)
        unseen = self._scaler.transform(count_kmers(validation[0]))
        best = np.inf
        for c in _REGULARISATIONS:
            model = linear_model.LogisticRegression(
                C=c, max_iter=_MOST_ITERATIONS, class_weight="balanced"
            )
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", warns)
                model.fit(features, labels)
            loss = log_loss(validation[1], model.predict_proba(unseen), labels=[0, 1])
            unfinished = f", stopped after {_MOST_ITERATIONS} iterations" if caught else ""
            log(f"k-mer baseline, C {c}: validation loss {loss:.4f}{unfinished}")
            if loss < best:
                best, self._model, self.regularisation = loss, model, c

    def predict(self, windows: ByteStrings) -> NDArray[np.float64]:
        """Probability of being viral, float64 [W]."""
        features = self._scaler.transform(count_kmers(windows))
        return np.asarray(self._model.predict_proba(features)[:, 1], dtype=np.float64)


def count_kmers(windows: ByteStrings, sizes: Sequence[int] = KMER_SIZES) -> NDArray[np.float32]:
    """Frequencies of canonical k-mers, float32 [W, K].

    A k-mer and its reverse complement count as one; one with a letter other than A, C, G and T does
    not count. The frequencies of each size add up to 1, or to 0 for a window without k-mers.
    """
    blocks = [
        _count(windows.slice(start, min(start + _BLOCK_WINDOWS, len(windows))), sizes)
        for start in range(0, len(windows), _BLOCK_WINDOWS)
    ]
    return np.concatenate(blocks)


def _pick(windows: ByteStrings, rows: NDArray[np.int64]) -> ByteStrings:
    return ByteStrings.from_iterable(windows[row] for row in rows.tolist())


def _count(windows: ByteStrings, sizes: Sequence[int]) -> NDArray[np.float32]:
    codes = _CODE[windows.data]
    owner = np.repeat(np.arange(len(windows)), windows.lengths)
    tables = []
    for k in sizes:
        column, n_columns = _canonical(k)
        n = max(len(codes) - k + 1, 0)
        word = np.zeros(n, dtype=np.int64)
        is_word = owner[:n] == owner[len(owner) - n :]
        for place in range(k):
            letter = codes[place : place + n]
            word = 4 * word + np.maximum(letter, 0)
            is_word &= letter >= 0
        cell = owner[:n][is_word] * n_columns + column[word[is_word]]
        counts = np.bincount(cell, minlength=len(windows) * n_columns)
        counts = counts.reshape(len(windows), n_columns)
        total = np.maximum(counts.sum(1, keepdims=True), 1)
        tables.append((counts / total).astype(np.float32))
    return np.hstack(tables)


@cache
def _canonical(k: int) -> tuple[NDArray[np.int64], int]:
    """Column of every k-mer, int64 [4^k], the same for its reverse complement; and their number."""
    words = np.array(list(product(range(4), repeat=k)))
    powers = 4 ** np.arange(k)[::-1]
    smaller = np.minimum(words @ powers, (3 - words)[:, ::-1] @ powers)
    _, column = np.unique(smaller, return_inverse=True)
    return column.reshape(-1).astype(np.int64), int(column.max()) + 1
