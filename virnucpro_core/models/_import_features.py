"""Feature files of VirNucPro and its first rewrite, as embeddings of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from virnucpro_core.errors import BundleError, StoreError
from virnucpro_core.models._bundle import Bundle
from virnucpro_core.models._bundle_spec import EncoderKind
from virnucpro_core.models._old_features import DNA_WIDTH, OldFeatures, read_old_features
from virnucpro_core.store import EmbeddingInfo, Embeddings, FrameShard

__all__ = ["import_features"]

_UNKNOWN = "unknown"
_MADE_BY: Mapping[tuple[EncoderKind, int], tuple[str, int]] = MappingProxyType(
    {
        ("dna", DNA_WIDTH): ("DNABERT-S", 12),
        ("protein", 2560): ("esm2_t36_3B_UR50D", 36),
    }
)
"""The encoders and layers that both old tools have in their code, by what comes out of them."""

_OTHER_LETTERS = re.compile(rb"[^ACGT]")


def import_features(
    files: Sequence[Path], *, shard: FrameShard | None = None, made_by: Bundle | None = None
) -> dict[EncoderKind, Embeddings]:
    """Embeddings of each molecule that the files hold, one file after the other.

    What the files do not tell is ``"unknown"`` in the result: the precision always, and without
    ``made_by`` and ``shard`` the digests of weights and sequences.

    Args:
        files: what `read_old_features` reads; DNA, proteins and both in any order.
        shard: whose frames are taken, in its order, whatever else there is.
        made_by: the bundle whose encoders made the features. The files cannot prove it; only the
            widths are compared.

    Raises:
        BundleError: a file cannot be read, has an id of another one, or was made by other encoders
            than these.
        StoreError: a frame of the shard is missing, or has letters that VirNucPro left out.
    """
    found: dict[EncoderKind, list[tuple[Path, OldFeatures]]] = {}
    for file in files:
        for features in read_old_features(file):
            found.setdefault(features.molecule, []).append((file, features))
    imported = {kind: _join(kind, parts, made_by) for kind, parts in found.items()}
    if shard is None:
        return imported
    _check_letters(shard)
    return {kind: _of_shard(embeddings, shard) for kind, embeddings in imported.items()}


def _join(
    kind: EncoderKind, parts: Sequence[tuple[Path, OldFeatures]], made_by: Bundle | None
) -> Embeddings:
    ids: list[str] = []
    seen: set[str] = set()
    expected = None if made_by is None else made_by.encoder_spec(kind).config.width
    for file, features in parts:
        width = features.values.shape[1]
        if (kind, width) not in _MADE_BY and expected is None:
            raise BundleError(
                f"its {kind} embeddings have {width} numbers, those of VirNucPro's encoder others",
                where=str(file),
                remedy="name the bundle that made them with --made-by",
            )
        expected = width if expected is None else expected
        if width != expected:
            raise BundleError(
                f"its {kind} embeddings have {width} numbers, {expected} are expected",
                where=str(file),
                remedy="import what one model made",
            )
        twice = next((name for name in features.ids if name in seen), None)
        if twice is not None:
            raise BundleError(
                f"has the {kind} embedding of {twice}, which another file has, too",
                where=str(file),
                remedy="give each file once, and merged features or those they were merged from",
            )
        ids += features.ids
        seen.update(features.ids)
    values = np.concatenate([features.values for _, features in parts])
    return Embeddings(ids, values, _info(kind, values.shape[1], made_by))


def _info(kind: EncoderKind, width: int, made_by: Bundle | None) -> EmbeddingInfo:
    if made_by is None:
        (model, layer), weights = _MADE_BY[kind, width], _UNKNOWN
    else:
        spec = made_by.encoder_spec(kind)
        model, layer, weights = spec.name, spec.layer, spec.weights_sha256
    return EmbeddingInfo(model, layer, "mean", _UNKNOWN, weights, _UNKNOWN, engine=_UNKNOWN)


def _check_letters(shard: FrameShard) -> None:
    """Codons with other letters are dropped by VirNucPro: it embedded another protein."""
    for name, sequence in zip(shard.frame_ids(), shard.nucleotides, strict=True):
        if _OTHER_LETTERS.search(sequence):
            raise StoreError(
                f"frame {name} has letters other than A, C, G and T, and VirNucPro translates "
                "them in another way",
                where=f"{shard.sample}, shard {shard.index}",
                remedy="embed this shard with 'virnucpro embed'",
            )


def _of_shard(embeddings: Embeddings, shard: FrameShard) -> Embeddings:
    rows = {name: row for row, name in enumerate(embeddings.ids)}
    ids = shard.frame_ids()
    missing = [name for name in ids if name not in rows]
    if missing:
        raise StoreError(
            f"{len(missing)} of its {len(ids)} frames are in none of the files, the first is "
            f"{missing[0]}",
            where=f"{shard.sample}, shard {shard.index}",
            remedy="give all files, and prepare the same reads with the same window size",
        )
    values = embeddings.values[[rows[name] for name in ids]]
    return Embeddings(ids, values, replace(embeddings.info, shard_sha256=shard.digest()))
