"""How much distinct sequence stands behind the records called virus, and how simple it is.

Shape letters: ``L`` bases of a record, ``K`` its k-mers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import InputError
from virnucpro_core.sequences import read_batches

__all__ = ["GenomeContent", "measure_content"]

_K = 21
_KEEP_ONE_IN = 32
_WINDOW = 64
_DUST_LIMIT = 2.0
_CODE = np.full(256, 255, dtype=np.uint8)
for _base, _number in zip(b"ACGTacgtUu", (0, 1, 2, 3, 0, 1, 2, 3, 3, 3), strict=True):
    _CODE[_base] = _number
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class GenomeContent:
    """What a sample of the viral records is made of.

    Attributes:
        n_records: records that were looked at: all, or the first.
        n_low_complexity: of those, records most of whose 64-base windows have a DUST score above
            2 (Morgulis et al. 2006, the usual limit, there written as 20).
        bases: their bases.
        half_in_bases: half of all their 21-mers are occurrences of about this many distinct ones.
        depth: how often each of those is seen on average.
    """

    n_records: int
    n_low_complexity: int
    bases: int
    half_in_bases: int
    depth: float


def measure_content(viral: Path, *, most_records: int = 20_000) -> GenomeContent:
    """Look at the first ``most_records`` records of a FASTA or FASTQ file.

    Of the 21-mers one in 32 is kept, chosen by its value, the same on both strands: so one that is
    kept is kept everywhere, and its count is that of all reads (FracMinHash).

    Raises:
        InputError: the file cannot be read.
    """
    n_records = n_low = bases = 0
    counts: Counter[int] = Counter()
    records = chain.from_iterable(batch.sequences for batch in read_batches(viral))
    try:
        for letters in islice(records, most_records):
            code = _CODE[np.frombuffer(letters.encode(), dtype=np.uint8)]
            n_records += 1
            n_low += _is_low_complexity(code)
            bases += len(code)
            counts.update(_kept_kmers(code).tolist())
    except InputError as error:
        # The file is one of ours: its remedy is not that of a user's reads.
        raise InputError(
            f"cannot be read ({error.what})",
            where=str(viral),
            remedy="copy it again, or call the sample again",
        ) from error
    seen = np.array(sorted(counts.values(), reverse=True), dtype=np.int64)
    total = int(seen.sum())
    n_half = int(np.searchsorted(seen.cumsum(), total / 2)) + 1 if total else 0
    return GenomeContent(
        n_records=n_records,
        n_low_complexity=n_low,
        bases=bases,
        half_in_bases=n_half * _KEEP_ONE_IN,
        depth=float(seen[:n_half].mean()) if n_half else 0.0,
    )


def _kept_kmers(code: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """uint64 [<= K]: the canonical k-mers without other letters whose hash ends in zeros."""
    n = len(code) - _K + 1
    if n <= 0:
        return np.empty(0, np.uint64)
    forward, reverse = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    letters = code.astype(np.uint64)
    for i in range(_K):
        forward = (forward << np.uint64(2)) | (letters[i : i + n] & np.uint64(3))
        complement = np.uint64(3) - (letters[i : i + n] & np.uint64(3))
        reverse |= complement << np.uint64(2 * i)
    other = np.concatenate([[0], (code == 255).cumsum()])
    clean = other[_K:] == other[:-_K]
    canonical = np.minimum(forward, reverse)[clean]
    mixed = canonical * _MIX
    kept: NDArray[np.uint64] = canonical[(mixed >> np.uint64(40)) % np.uint64(_KEEP_ONE_IN) == 0]
    return kept


def _is_low_complexity(code: NDArray[np.uint8]) -> bool:
    """Whether most 64-base windows, side by side, repeat few triplets."""
    if len(code) < 3:
        return False
    triplet = code[:-2] % 4 * 16 + code[1:-1] % 4 * 4 + code[2:] % 4
    starts = range(0, max(len(triplet) - (_WINDOW - 2) + 1, 1), _WINDOW - 2)
    simple = 0
    for start in starts:
        window = triplet[start : start + _WINDOW - 2]
        count = np.bincount(window, minlength=64)
        pairs = float((count * (count - 1) / 2).sum())
        simple += pairs / max(len(window) - 1, 1) > _DUST_LIMIT
    return 2 * simple > len(starts)
