"""The score files of a sample as one checked stream of frames, a file in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.errors import NumericError, StoreError
from virnucpro_core.store import (
    FRAME_NAMES,
    FrameScores,
    RecordTable,
    SetAside,
    frame_codons,
    read_score_labels,
    read_scores,
)

__all__ = ["FrameStream", "order_score_files", "select_frames"]


def order_score_files(paths: Sequence[Path], records: RecordTable) -> list[Path]:
    """``paths`` by shard number.

    Raises:
        StoreError: a file cannot be read or is of another sample or frame rule than the records,
            shards are missing or double, or not all were scored with the same bundle.
    """
    sample = records.sample
    path_of_shard: dict[int, Path] = {}
    bundle: tuple[str, Path] | None = None
    for path in paths:
        labels = read_score_labels(path)
        if labels.sample != sample:
            raise StoreError(
                f"holds scores of sample {labels.sample}, not of {sample}",
                where=str(path),
                remedy="give the score files of one sample",
            )
        if labels.frame_rule != records.frame_rule:
            raise StoreError(
                f"holds scores of frames by the rule {labels.frame_rule}, "
                f"{records.path.name} is of {records.frame_rule}",
                where=str(path),
                remedy="give the record table and the score files of one run",
            )
        bundle = bundle or (labels.bundle_sha256, path)
        if labels.bundle_sha256 != bundle[0]:
            raise StoreError(
                f"was scored with bundle {labels.bundle_sha256[:12]}, "
                f"{bundle[1].name} with {bundle[0][:12]}",
                where=str(path),
                remedy="classify every shard with the same bundle",
            )
        if labels.shard in path_of_shard:
            raise StoreError(
                f"holds shard {labels.shard}, as does {path_of_shard[labels.shard]}",
                where=str(path),
                remedy="give each shard once",
            )
        path_of_shard[labels.shard] = path
    for number, shard in enumerate(sorted(path_of_shard), start=1):
        if shard != number:
            raise StoreError(
                f"the scores of shard {number} are missing, there are some of shard {shard}",
                where=f"sample {sample}",
                remedy="give the score files of all shards",
            )
    return [path_of_shard[shard] for shard in sorted(path_of_shard)]


class FrameStream:
    """The frames of ordered score files; drawn in slices that end with a given record.

    A slice holds all frames of its chunks, also where a chunk's frames are in two files.

    Attributes:
        calibration: that of the bundle; None where it has none, or where there is no file.
        bundle_sha256: digest of the bundle; None where there is no file.
        trained_rule: the frame rule of the bundle; None where there is no file.
        limits: how strange a record may be; None where the bundle does not say, or without a file.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        labels = read_score_labels(paths[0]) if paths else None
        self.calibration = None if labels is None else labels.calibration
        self.bundle_sha256 = None if labels is None else labels.bundle_sha256
        self.trained_rule = None if labels is None else labels.trained_rule
        self.limits = None if labels is None else labels.limits
        self._files = _whole_chunks(_checked_files(paths))
        self._current: FrameScores | None = None

    def before(self, record_index: int) -> Iterator[FrameScores]:
        """The frames not drawn yet of records before ``record_index``, in slices of files.

        Raises:
            StoreError: a file cannot be read, or its frames are not in the order of the input.
            NumericError: a score is NaN or infinite.
        """
        while True:
            if self._current is None:
                self._current = next(self._files, None)
                if self._current is None:
                    return
            frames = self._current
            stop = int(np.searchsorted(frames.record_index, record_index))
            if stop:
                yield select_frames(frames, slice(0, stop))
            if stop < len(frames):
                self._current = select_frames(frames, slice(stop, len(frames)))
                return
            self._current = None


def _checked_files(paths: Sequence[Path]) -> Iterator[FrameScores]:
    last: FrameScores | None = None
    for path in paths:
        frames = read_scores(path)
        _check_values(frames, path)
        _check_order(frames, path)
        if len(frames) == 0:
            continue
        if last is not None:
            _check_order(_join(last, select_frames(frames, slice(0, 1))), path)
        last = select_frames(frames, slice(len(frames) - 1, len(frames)))
        yield frames


def _whole_chunks(files: Iterator[FrameScores]) -> Iterator[FrameScores]:
    """The same frames; the last chunk of a file waits for what the next one has of it."""
    waiting: FrameScores | None = None
    for frames in files:
        joined = frames if waiting is None else _join(waiting, frames)
        is_last = joined.record_index == joined.record_index[-1]
        is_last &= joined.chunk == joined.chunk[-1]
        start = int(is_last.argmax())
        if start:
            yield select_frames(joined, slice(0, start))
        waiting = select_frames(joined, slice(start, len(joined)))
    if waiting is not None:
        yield waiting


def _check_values(frames: FrameScores, path: Path) -> None:
    n = len(frames)
    columns = (
        frames.record_index, frames.chunk, frames.chunk_length, frames.frame, frames.n_free,
        frames.set_aside,
    )  # fmt: skip
    is_even = all(column.shape == (n,) for column in columns) and frames.scores.shape == (n, 2)
    if frames.strangeness is not None:
        is_even &= frames.strangeness.shape == (n,)
    if not is_even:
        raise StoreError("has columns of unequal length", where=str(path), remedy="make it again")
    is_scored = frames.set_aside == SetAside.EMBEDDED
    is_sound = np.isfinite(frames.scores).all(axis=1) | ~is_scored
    if frames.strangeness is not None:
        is_sound &= np.isfinite(frames.strangeness)
    if not is_sound.all():
        raise NumericError(
            f"the score of frame {int(is_sound.argmin()) + 1} is not finite",
            where=str(path),
            remedy="classify the shard again",
        )
    impossible = (frames.frame >= len(FRAME_NAMES)) | (frames.chunk < 1) | (frames.chunk_length < 1)
    impossible |= frames.set_aside > max(SetAside)
    impossible |= frames.n_free < 1
    impossible |= frames.n_free > frame_codons(frames.chunk_length, frames.frame)
    impossible |= (frames.scores < 0).any(axis=1) | (frames.scores.sum(axis=1) <= 0)
    if impossible.any():
        raise StoreError(
            f"frame {int(impossible.argmax()) + 1} has an impossible number, chunk or score",
            where=str(path),
            remedy="classify the shard again",
        )


def _check_order(frames: FrameScores, path: Path) -> None:
    """Frames must grow by record, chunk and frame: none twice, none out of place."""
    record, chunk = np.diff(frames.record_index), np.diff(frames.chunk)
    frame = np.diff(frames.frame.astype(np.int16))
    same_chunk = (record == 0) & (chunk == 0)
    follows = (record > 0) | ((record == 0) & (chunk > 0))
    follows |= same_chunk & (frame > 0) & (np.diff(frames.chunk_length) == 0)
    if not follows.all():
        at = int(follows.argmin()) + 1
        raise StoreError(
            f"frame {FRAME_NAMES[frames.frame[at]]} of chunk {frames.chunk[at]} of record "
            f"{frames.record_index[at] + 1} does not follow the frame before it",
            where=str(path),
            remedy="give the scores of one run only, each shard once, or classify the shard again",
        )


def select_frames(frames: FrameScores, rows: slice | NDArray[np.bool_]) -> FrameScores:
    """The frames of ``rows``, in their order."""
    return replace(
        frames,
        record_index=frames.record_index[rows],
        chunk=frames.chunk[rows],
        chunk_length=frames.chunk_length[rows],
        frame=frames.frame[rows],
        n_free=frames.n_free[rows],
        scores=frames.scores[rows],
        set_aside=frames.set_aside[rows],
        strangeness=None if frames.strangeness is None else frames.strangeness[rows],
    )


def _join(first: FrameScores, second: FrameScores) -> FrameScores:
    """The frames of both, with the labels of ``second``."""
    return replace(
        second,
        record_index=np.concatenate([first.record_index, second.record_index]),
        chunk=np.concatenate([first.chunk, second.chunk]),
        chunk_length=np.concatenate([first.chunk_length, second.chunk_length]),
        frame=np.concatenate([first.frame, second.frame]),
        n_free=np.concatenate([first.n_free, second.n_free]),
        scores=np.concatenate([first.scores, second.scores]),
        set_aside=np.concatenate([first.set_aside, second.set_aside]),
        strangeness=None
        if first.strangeness is None or second.strangeness is None
        else np.concatenate([first.strangeness, second.strangeness]),
    )
