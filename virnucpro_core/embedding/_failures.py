"""Sequences that cannot be embedded: set aside with their reason, up to a limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro_core.embedding._attempts import sequence_does_not_fit
from virnucpro_core.embedding._loader import PackedBatch
from virnucpro_core.embedding._parts import PartWriter
from virnucpro_core.errors import NumericError, VirnucproError
from virnucpro_core.store import SetAside

__all__ = ["Failures", "sequence_name", "try_alone"]


def sequence_name(index: int, ids: Sequence[str] | None) -> str:
    """What messages call the sequence with this index."""
    return f"sequence {index + 1}" + (f" ({ids[index]})" if ids else "")


class Failures:
    """The sequences that were set aside, of ``n`` sequences.

    Args:
        occurrence: int64 [n], the distinct sequence that each is; numbers of distinct sequences.
        unique: int64 [u], index of each distinct sequence's first occurrence.
        max_fraction: of all sequences, how many may fail.
        ids: names of the sequences, for messages.
        device: where they are embedded, for messages.
    """

    def __init__(
        self,
        occurrence: NDArray[np.int64],
        unique: NDArray[np.int64],
        max_fraction: float,
        ids: Sequence[str] | None,
        device: torch.device,
    ) -> None:
        self._occurrence = occurrence
        self._unique = unique
        self._copies = np.bincount(occurrence, minlength=len(unique))
        self._status = np.zeros(len(unique), dtype=np.uint8)
        self._n_tokens = np.zeros(len(unique), dtype=np.int64)
        self._max_fraction = max_fraction
        self._ids = ids
        self._device = device

    def add(self, index: int, why: SetAside, n_tokens: int) -> None:
        """Set the sequence ``index`` (a first occurrence) aside."""
        row = self._occurrence[index]
        self._status[row] = why
        self._n_tokens[row] = n_tokens

    def status(self) -> NDArray[np.uint8]:
        """uint8 [n], a `SetAside` for every sequence."""
        return self._status[self._occurrence]

    @property
    def n_that_decide(self) -> int:
        """How many distinct sequences end the run if all of them fail."""
        return int(self._max_fraction * len(self._occurrence)) + 1

    def check(self) -> None:
        """Refuse to go on when too many failed.

        Raises:
            HostMemoryError, DeviceMemoryError: more failed than may, and the first for want of
                memory.
            NumericError: more failed than may, and the first embedding is not finite.
        """
        n_failed, n_all = int(self._copies[self._status > 0].sum()), len(self._occurrence)
        if n_failed <= self._max_fraction * n_all:
            return
        first = int(np.argmax(self._status > 0))
        raise self._error(first, n_failed, n_all)

    def _error(self, row: int, n_failed: int, n_all: int) -> VirnucproError:
        where = sequence_name(int(self._unique[row]), self._ids)
        allowed = ""
        if self._max_fraction > 0:
            allowed = (
                f"; so far {n_failed} of {n_all} sequences failed, "
                f"more than the {self._max_fraction:.2%} that may"
            )
        if self._status[row] == SetAside.MEMORY:
            n_tokens = int(self._n_tokens[row])
            return sequence_does_not_fit(n_tokens, where, self._device, circumstance=allowed)
        n_wrong = int(self._copies[self._status == SetAside.NOT_FINITE].sum())
        return NumericError(
            f"at least {n_wrong} of {n_all} embeddings hold NaN or infinity{allowed}",
            where=where,
            remedy="run with --precision fp32 or, to see whether it is the packed engine, with "
            "--engine v1; if neither helps, verify the model bundle",
        )


def try_alone(
    results: Iterator[tuple[PackedBatch, torch.Tensor | None]],
    values: NDArray[np.float32],
    failures: Failures,
    writer: PartWriter | None,
) -> NDArray[np.int64]:
    """Take the embeddings of sequences that were embedded alone, because they were not finite.

    Args:
        results: batches of one sequence and their embeddings [1, D], None where memory is short.
        values: float32 [n, D]; a finite embedding is written to its row.
        failures: told of what failed.
        writer: commits finite embeddings; None for not at all.

    Returns:
        int64, ascending: the sequences that are not finite again.
    """
    again: list[int] = []
    for batch, pooled in results:
        index, n_tokens = int(batch.indices[0]), len(batch.tokens)
        if pooled is None:
            failures.add(index, SetAside.MEMORY, n_tokens)
            continue
        values[index] = pooled[0].cpu().numpy()
        if np.isfinite(values[index]).all():
            failures.add(index, SetAside.EMBEDDED, n_tokens)
            if writer is not None:
                writer.add(batch.indices)
        else:
            failures.add(index, SetAside.NOT_FINITE, n_tokens)
            again.append(index)
    return np.array(sorted(again), dtype=np.int64)
