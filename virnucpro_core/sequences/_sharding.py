"""Collecting frames into shards of a fixed number of frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.store import ByteStrings, FrameShard

__all__ = ["FrameBlock", "ShardBuilder"]


@dataclass(frozen=True, slots=True)
class FrameBlock:
    """``F`` frames on their way into a shard; the columns are those of `FrameShard`.

    Attributes:
        record_index: int64 [F], number of the frame's record in the input, from 0.
        record_id: the F record ids, one for each frame.
        first_codon: int32 [F]; zeros where all frames are complete.
    """

    record_index: NDArray[np.int64]
    record_id: NDArray[np.object_]
    chunk: NDArray[np.int32]
    chunk_length: NDArray[np.int32]
    frame: NDArray[np.uint8]
    nucleotides: ByteStrings
    proteins: ByteStrings
    first_codon: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.frame)

    def slice(self, start: int, stop: int) -> FrameBlock:
        """Frames ``start`` to ``stop`` (exclusive)."""
        return FrameBlock(
            record_index=self.record_index[start:stop],
            record_id=self.record_id[start:stop],
            chunk=self.chunk[start:stop],
            chunk_length=self.chunk_length[start:stop],
            frame=self.frame[start:stop],
            nucleotides=self.nucleotides.slice(start, stop),
            proteins=self.proteins.slice(start, stop),
            first_codon=self.first_codon[start:stop],
        )


class ShardBuilder:
    """Turns a stream of blocks into shards of ``shard_frames`` frames; the last may be smaller."""

    def __init__(
        self,
        sample: str,
        window_size: int,
        shard_frames: int,
        frame_rule: FrameRule = "complete",
    ) -> None:
        self._sample = sample
        self._window_size = window_size
        self._shard_frames = shard_frames
        self._frame_rule = frame_rule
        self._pending: list[FrameBlock] = []
        self._n_pending = 0
        self._n_shards = 0

    def add(self, block: FrameBlock) -> Iterator[FrameShard]:
        """Take ``block`` and give every shard that is now full."""
        start = 0
        while len(block) - start >= self._shard_frames - self._n_pending:
            stop = start + self._shard_frames - self._n_pending
            self._pending.append(block.slice(start, stop))
            yield self._shard()
            start = stop
        if start < len(block):
            self._pending.append(block.slice(start, len(block)))
            self._n_pending += len(block) - start

    def finish(self) -> Iterator[FrameShard]:
        """Give the frames that are left, if any, as the last shard."""
        if self._pending:
            yield self._shard()

    def _shard(self) -> FrameShard:
        blocks, self._pending, self._n_pending = self._pending, [], 0
        self._n_shards += 1
        record_of_frame = np.concatenate([block.record_index for block in blocks])
        index, first, row = np.unique(record_of_frame, return_index=True, return_inverse=True)
        ids = np.concatenate([block.record_id for block in blocks])[first]
        return FrameShard(
            sample=self._sample,
            index=self._n_shards,
            window_size=self._window_size,
            record_index=index,
            record_ids=ByteStrings.from_iterable(name.encode() for name in ids.tolist()),
            record_row=row.astype(np.int32),
            chunk=np.concatenate([block.chunk for block in blocks]),
            chunk_length=np.concatenate([block.chunk_length for block in blocks]),
            frame=np.concatenate([block.frame for block in blocks]),
            nucleotides=_join([block.nucleotides for block in blocks]),
            proteins=_join([block.proteins for block in blocks]),
            frame_rule=self._frame_rule,
            first_codon=None
            if self._frame_rule == "complete"
            else np.concatenate([block.first_codon for block in blocks]),
        )


def _join(parts: list[ByteStrings]) -> ByteStrings:
    return ByteStrings.from_lengths(
        np.concatenate([part.data for part in parts]),
        np.concatenate([part.lengths for part in parts]),
    )
