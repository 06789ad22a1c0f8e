"""The frames of one part of a dataset with their labels, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.store import ByteStrings, read_shard
from virnucpro_core.training._dataset import Dataset
from virnucpro_core.training._dataset_tables import PARTS

__all__ = ["LabelledFrames"]


@dataclass(frozen=True, slots=True)
class LabelledFrames:
    """``F`` frames.

    Attributes:
        nucleotides: of the F frames.
        proteins: of the F frames.
        labels: int64 [F], 0 others, 1 virus.
        window: int64 [F], the frame's window as a row of the dataset's table.
    """

    nucleotides: ByteStrings
    proteins: ByteStrings
    labels: NDArray[np.int64]
    window: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of_part(cls, dataset: Dataset, part: str) -> LabelledFrames:
        """The frames of ``"train"``, ``"validation"`` or ``"test"``, in the order of the shards.

        Raises:
            StoreError: a shard cannot be read.
        """
        nucleotides: list[bytes] = []
        proteins: list[bytes] = []
        windows = []
        for path in dataset.shards:
            shard = read_shard(path)
            window = shard.record_index[shard.record_row]
            rows = np.flatnonzero(dataset.windows.split[window] == PARTS.index(part))
            nucleotides.extend(shard.nucleotides[row] for row in rows.tolist())
            proteins.extend(shard.proteins[row] for row in rows.tolist())
            windows.append(window[rows])
        window = np.concatenate(windows)
        return cls(
            nucleotides=ByteStrings.from_iterable(nucleotides),
            proteins=ByteStrings.from_iterable(proteins),
            labels=dataset.windows.label[window],
            window=window,
        )

    def take(self, rows: NDArray[np.int64]) -> LabelledFrames:
        """The frames of ``rows``, in their order."""
        return LabelledFrames(
            nucleotides=ByteStrings.from_iterable(self.nucleotides[row] for row in rows.tolist()),
            proteins=ByteStrings.from_iterable(self.proteins[row] for row in rows.tolist()),
            labels=self.labels[rows],
            window=self.window[rows],
        )

    def class_weights(self) -> NDArray[np.float32]:
        """float32 [F]: weights under which both classes weigh the same; their mean is 1."""
        counts = np.bincount(self.labels, minlength=2)
        return (len(self) / 2 / counts[self.labels]).astype(np.float32)
