"""Score files: what the classifier says of every frame of a shard."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import Calibration
from virnucpro_core._frame_rule import FrameRule
from virnucpro_core._reliability import StrangenessLimits
from virnucpro_core.errors import BundleError, StoreError
from virnucpro_core.store._hdf5 import attribute, create_hdf5, frame_rule_of, open_hdf5

__all__ = [
    "FrameScores",
    "ScoreLabels",
    "frame_codons",
    "read_score_labels",
    "read_scores",
    "write_scores",
]

_KIND = "virnucpro-scores"
_SCHEMA_VERSION = 3
_FREE = "n_free"
_STRANGENESS = "strangeness"
_LIMITS = "strangeness_limits"
_COLUMNS = ("record_index", "chunk", "chunk_length", "frame", "scores", "set_aside")


@dataclass(frozen=True, slots=True)
class ScoreLabels:
    """What a score file says it is.

    Attributes:
        sample: name of the sample.
        shard: number of the shard in its sample, from 1.
        bundle_sha256: digest of the model bundle.
        calibration: that of the bundle; None where it has none.
        frame_rule: by which the frames were found.
        trained_rule: that of the bundle.
        limits: how strange a record may be, by the bundle; None where it does not say.
    """

    sample: str
    shard: int
    bundle_sha256: str
    calibration: Calibration | None
    frame_rule: FrameRule
    trained_rule: FrameRule
    limits: StrangenessLimits | None


@dataclass(frozen=True, slots=True)
class FrameScores:
    """Scores of ``F`` frames, in the order of their shard.

    Attributes:
        sample: name of the sample.
        shard: number of the shard in its sample, from 1.
        bundle_sha256: digest of the model bundle.
        record_index: int64 [F], the record's number in the input, from 0.
        chunk: int32 [F], number of the window in its record, from 1.
        chunk_length: int32 [F], length of that window in bases.
        frame: uint8 [F], 0 to 5.
        n_free: int32 [F], codons of its stop-free stretch; all of a complete frame, see
            `frame_codons`.
        scores: float32 [F, 2], softmax of the classifier; column 1 is the virus class. NaN where a
            frame was set aside.
        set_aside: uint8 [F], a `SetAside` for each.
        calibration: that of the bundle; None where it has none.
        frame_rule: by which the frames were found.
        trained_rule: that of the bundle.
        strangeness: float32 [F], log-odds that the letters are random ones, see
            `virnucpro_core.calling.strangeness`; None where the bundle cannot tell.
        limits: how strange a record may be; None as ``strangeness``.
    """

    sample: str
    shard: int
    bundle_sha256: str
    record_index: NDArray[np.int64]
    chunk: NDArray[np.int32]
    chunk_length: NDArray[np.int32]
    frame: NDArray[np.uint8]
    n_free: NDArray[np.int32]
    scores: NDArray[np.float32]
    set_aside: NDArray[np.uint8]
    calibration: Calibration | None = None
    frame_rule: FrameRule = "complete"
    trained_rule: FrameRule = "complete"
    strangeness: NDArray[np.float32] | None = None
    limits: StrangenessLimits | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def is_partial(self) -> NDArray[np.bool_]:
        """bool [F], whether a frame has a stop."""
        partial: NDArray[np.bool_] = self.n_free < frame_codons(self.chunk_length, self.frame)
        return partial


def frame_codons(chunk_length: NDArray[np.int32], frame: NDArray[np.uint8]) -> NDArray[np.int32]:
    """int32 [F]: codons of whole frames.

    Args:
        chunk_length: int32 [F], of their windows in bases.
        frame: uint8 [F], 0 to 5.
    """
    codons: NDArray[np.int32] = (chunk_length - frame % 3).astype(np.int32) // 3
    return codons


def write_scores(scores: FrameScores, path: Path) -> None:
    """Write ``scores`` to ``path``, whole or not at all.

    Raises:
        StoreError: the file cannot be written.
    """
    with create_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        file.attrs["sample"] = scores.sample
        file.attrs["shard"] = scores.shard
        file.attrs["bundle_sha256"] = scores.bundle_sha256
        calibration = None if scores.calibration is None else scores.calibration.to_json()
        file.attrs["calibration"] = json.dumps(calibration)
        file.attrs["frame_rule"] = scores.frame_rule
        file.attrs["trained_rule"] = scores.trained_rule
        for name in (*_COLUMNS, _FREE):
            file.create_dataset(name, data=getattr(scores, name))
        if scores.strangeness is not None and scores.limits is not None:
            file.attrs[_LIMITS] = json.dumps(scores.limits.to_json())
            file.create_dataset(_STRANGENESS, data=scores.strangeness)


def read_score_labels(path: Path) -> ScoreLabels:
    """Read what a score file says it is, and none of its scores.

    Raises:
        StoreError: the file is missing, damaged, or not a score file.
    """
    with open_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        return _labels(file)


def read_scores(path: Path) -> FrameScores:
    """Read a score file.

    Raises:
        StoreError: the file is missing, damaged, or not a score file.
    """
    with open_hdf5(path, kind=_KIND, schema_version=_SCHEMA_VERSION) as file:
        labels = _labels(file)
        columns = {name: file[name][:] for name in _COLUMNS}
        # A file from before there were partial frames has complete ones.
        complete = frame_codons(columns["chunk_length"], columns["frame"])
        return FrameScores(
            sample=labels.sample,
            shard=labels.shard,
            bundle_sha256=labels.bundle_sha256,
            calibration=labels.calibration,
            frame_rule=labels.frame_rule,
            trained_rule=labels.trained_rule,
            limits=labels.limits,
            strangeness=None if labels.limits is None else file[_STRANGENESS][:],
            n_free=file[_FREE][:] if _FREE in file else complete,
            **columns,
        )


def _labels(file: h5py.File) -> ScoreLabels:
    return ScoreLabels(
        sample=attribute(file, "sample"),
        shard=int(attribute(file, "shard")),
        bundle_sha256=attribute(file, "bundle_sha256"),
        calibration=_calibration(file),
        frame_rule=frame_rule_of(file),
        trained_rule=frame_rule_of(file, "trained_rule"),
        limits=_limits(file),
    )


def _limits(file: h5py.File) -> StrangenessLimits | None:
    if _LIMITS not in file.attrs:
        return None
    where = file.filename
    try:
        return StrangenessLimits.parse(json.loads(attribute(file, _LIMITS)), where)
    except (json.JSONDecodeError, BundleError) as error:
        raise StoreError(
            f"has no readable limits ({error})", where=where, remedy="classify the shard again"
        ) from error


def _calibration(file: h5py.File) -> Calibration | None:
    where = file.filename
    try:
        document = json.loads(attribute(file, "calibration"))
        return None if document is None else Calibration.parse(document, where)
    except (json.JSONDecodeError, BundleError) as error:
        raise StoreError(
            f"has no readable calibration ({error})", where=where, remedy="classify the shard again"
        ) from error
