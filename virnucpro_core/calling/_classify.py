"""From the two embeddings of a shard's frames to their scores.

Shape letters: ``F`` frames of the shard, ``D`` widths of an embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from virnucpro_core._calibration import Calibration
from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.calling._strangeness import strangeness
from virnucpro_core.errors import BundleError, NumericError, StoreError
from virnucpro_core.store import Embeddings, FrameScores, FrameShard, SetAside

if TYPE_CHECKING:
    from virnucpro_core.models import Classifier, Reliability

__all__ = [
    "BATCH_ROWS",
    "check_weights",
    "classify_frames",
    "frame_scores",
    "merge_features",
    "merge_set_aside",
    "predict_scores",
]

BATCH_ROWS = 8192
"""Frames that go through the classifier at once."""

_N_CLASSES = 2


def classify_frames(
    shard: FrameShard,
    dna: Embeddings,
    protein: Embeddings,
    classifier: Classifier,
    *,
    bundle_sha256: str,
    calibration: Calibration | None = None,
    trained_rule: FrameRule = "complete",
    reliability: Reliability | None = None,
    batch_rows: int = BATCH_ROWS,
) -> FrameScores:
    """Score every frame of ``shard``: `merge_features`, `predict_scores`, `frame_scores`.

    Raises:
        StoreError: an embedding file does not belong to the shard.
        NumericError: an embedding or a score is NaN or infinite.
        BundleError: the classifier takes features of another width, or has not two classes.
    """
    features = merge_features(shard, dna, protein)
    set_aside = merge_set_aside(dna, protein)
    scores = predict_scores(features, classifier, set_aside=set_aside, batch_rows=batch_rows)
    return frame_scores(
        shard,
        scores,
        set_aside,
        bundle_sha256=bundle_sha256,
        calibration=calibration,
        trained_rule=trained_rule,
        reliability=reliability,
    )


def merge_features(shard: FrameShard, dna: Embeddings, protein: Embeddings) -> NDArray[np.float32]:
    """float32 [F, D_dna + D_protein]: the DNA embedding of each frame, then its protein's.

    A frame that was set aside has NaN in the place of the embedding that it lacks.

    Raises:
        StoreError: an embedding file holds other frames than the shard, or comes from another one.
        NumericError: an embedding that was not set aside is NaN or infinite.
    """
    ids, digest = shard.frame_ids(), shard.digest()
    for kind, embeddings in (("DNA", dna), ("protein", protein)):
        where = f"{shard.sample}, shard {shard.index}, {kind} embeddings"
        _check_frames(embeddings, ids, digest, where)
        is_sound = np.isfinite(embeddings.values).all(axis=1) | ~embeddings.is_embedded
        if not is_sound.all():
            raise NumericError(
                f"the embedding of {ids[int(is_sound.argmin())]} is not finite",
                where=where,
                remedy="embed the shard again in fp32 (--precision fp32)",
            )
    return np.concatenate([dna.values, protein.values], axis=1, dtype=np.float32)


def merge_set_aside(dna: Embeddings, protein: Embeddings) -> NDArray[np.uint8]:
    """uint8 [F]: why a frame lacks one of its embeddings, as a `SetAside`; the DNA's goes first."""
    merged = np.zeros(len(dna.ids), dtype=np.uint8)
    for embeddings in (protein, dna):
        if embeddings.set_aside is not None:
            np.copyto(merged, embeddings.set_aside, where=~embeddings.is_embedded)
    return merged


def predict_scores(
    features: NDArray[np.float32],
    classifier: Classifier,
    *,
    set_aside: NDArray[np.uint8] | None = None,
    batch_rows: int = BATCH_ROWS,
) -> NDArray[np.float32]:
    """float32 [F, 2]: softmax of the classifier's logits; column 1 is the virus class.

    Args:
        features: float32 [F, D].
        classifier: takes float32 [rows, D], returns logits [rows, 2].
        set_aside: uint8 [F], a `SetAside` for each frame; one that was set aside gets the score
            NaN. None where all have their embeddings.
        batch_rows: rows that go through at once.

    Raises:
        BundleError: the classifier takes features of another width, or has not two classes.
        NumericError: a score is NaN.
    """
    if classifier.input_width != features.shape[1]:
        raise BundleError(
            f"the classifier takes {classifier.input_width} features, the two embeddings have "
            f"{features.shape[1]}",
            remedy="use the encoders and layers that the bundle names",
        )
    scores = np.empty((len(features), _N_CLASSES), dtype=np.float32)
    for start in range(0, len(features), batch_rows):
        rows = slice(start, start + batch_rows)
        logits = classifier.logits(features[rows])
        if logits.shape[1] != _N_CLASSES:
            raise BundleError(f"the classifier has {logits.shape[1]} classes, not 2")
        likelihoods = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores[rows] = likelihoods / likelihoods.sum(axis=1, keepdims=True)
    bad = np.isnan(scores).any(axis=1)
    if set_aside is not None:
        is_set_aside = set_aside != SetAside.EMBEDDED
        scores[is_set_aside] = np.nan
        bad &= ~is_set_aside
    if bad.any():
        raise NumericError(f"the classifier's score of row {int(bad.argmax())} is NaN")
    return scores


def frame_scores(
    shard: FrameShard,
    scores: NDArray[np.float32],
    set_aside: NDArray[np.uint8] | None = None,
    *,
    bundle_sha256: str,
    calibration: Calibration | None = None,
    trained_rule: FrameRule = "complete",
    reliability: Reliability | None = None,
) -> FrameScores:
    """Put ``scores`` (float32 [F, 2]) beside the frames they belong to.

    Args:
        set_aside: uint8 [F], a `SetAside` for each frame; None where all were scored.
        calibration, trained_rule: those of the bundle, which the scores file carries along.
        reliability: that of the bundle, which tells how strange each frame is; None for none.
    """
    return FrameScores(
        sample=shard.sample,
        shard=shard.index,
        bundle_sha256=bundle_sha256,
        record_index=shard.record_index[shard.record_row],
        chunk=shard.chunk,
        chunk_length=shard.chunk_length,
        frame=shard.frame,
        n_free=shard.proteins.lengths.astype(np.int32),
        scores=scores,
        set_aside=np.zeros(len(shard), dtype=np.uint8) if set_aside is None else set_aside,
        calibration=calibration,
        frame_rule=shard.frame_rule,
        trained_rule=trained_rule,
        strangeness=None
        if reliability is None
        else strangeness(shard.nucleotides, reliability.network),
        limits=None if reliability is None else reliability.limits,
    )


def check_weights(embeddings: Embeddings, weights_sha256: str, *, where: str) -> None:
    """Check that the encoder of a bundle made ``embeddings``.

    Args:
        weights_sha256: digest of the bundle's weights file for that encoder.
        where: the embedding file, for the message.

    Raises:
        StoreError: other weights made them.
    """
    found = embeddings.info.weights_sha256
    if found != weights_sha256:
        raise StoreError(
            f"was made by {embeddings.info.model} with the weights {found[:12]}, "
            f"the bundle's are {weights_sha256[:12]}",
            where=where,
            remedy="embed the shard with this bundle",
        )


def _check_frames(embeddings: Embeddings, ids: list[str], digest: str, where: str) -> None:
    remedy = "embed the shard again"
    for row, (found, expected) in enumerate(zip(embeddings.ids, ids, strict=False), start=1):
        if found != expected:
            raise StoreError(
                f"row {row} is of frame {found}, the shard's frame there is {expected}",
                where=where,
                remedy=remedy,
            )
    rows = len(embeddings.values)
    if len(embeddings.ids) != len(ids) or rows != len(ids):
        raise StoreError(
            f"{len(embeddings.ids)} ids and {rows} rows, the shard has {len(ids)} frames",
            where=where,
            remedy=remedy,
        )
    if embeddings.info.shard_sha256 != digest:
        raise StoreError(
            f"made from a shard with digest {embeddings.info.shard_sha256[:12]}, "
            f"this one has {digest[:12]}",
            where=where,
            remedy=remedy,
        )
