"""Writing a model bundle."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from virnucpro_core._files import sha256_of_file
from virnucpro_core._frame_rule import FrameRule
from virnucpro_core._reliability import StrangenessLimits
from virnucpro_core.errors import BundleError
from virnucpro_core.models._bundle import MANIFEST, Bundle, load_bundle
from virnucpro_core.models._bundle_spec import (
    LABELS,
    BundleSpec,
    ClassifierSpec,
    EncoderSpec,
    ReliabilitySpec,
)
from virnucpro_core.models._dnabert_s import DnabertS
from virnucpro_core.models._esm2 import Esm2
from virnucpro_core.models._mlp import MlpClassifier
from virnucpro_core.models._weights import save_weights

__all__ = ["RELIABILITY", "describe_reliability", "stage_bundle", "write_bundle"]

RELIABILITY = "reliability.safetensors"
"""Name of the file in a bundle."""


def write_bundle(
    path: Path,
    *,
    name: str,
    description: str,
    licence: str,
    window_size: int,
    dna: DnabertS,
    dna_tokenizer: Path,
    protein: Esm2,
    classifier: MlpClassifier,
    dna_layer: int | None = None,
    protein_layer: int | None = None,
    calibration: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    accuracy: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
    frame_rule: FrameRule = "complete",
    reliability: tuple[MlpClassifier, StrangenessLimits] | None = None,
) -> Bundle:
    """Write a bundle, whole or not at all, and load it again.

    Args:
        path: directory to make; it must not exist yet.
        name, description, licence, window_size, frame_rule, calibration, training, accuracy: see
            `BundleSpec`.
        dna: the DNA encoder; its ``name`` and ``config`` are written too.
        dna_tokenizer: a ``tokenizer.json``, copied.
        protein: the protein encoder.
        classifier: the classifier; its statistics of batch normalisation are weights too.
        dna_layer, protein_layer: layer to pool, the last by default.
        dtype: number format to store the encoders' weights in; the classifier's stay fp32.
        reliability: network and limits of a `Reliability`; None for none.

    Raises:
        BundleError: ``path`` exists or cannot be written, or the parts do not fit together.
    """

    def fill(staging: Path) -> BundleSpec:
        save_weights(dna, staging / "dna.safetensors", dtype)
        save_weights(protein, staging / "protein.safetensors", dtype)
        save_weights(classifier, staging / "classifier.safetensors", torch.float32)
        if reliability is not None:
            save_weights(reliability[0], staging / RELIABILITY, torch.float32)
        shutil.copyfile(dna_tokenizer, staging / "tokenizer.json")
        for file in staging.iterdir():
            file.chmod(0o644)  # safetensors lets nobody but the owner read its files
        digests = {file.name: sha256_of_file(file) for file in sorted(staging.iterdir())}
        return BundleSpec(
            name=name,
            description=description,
            licence=licence,
            window_size=window_size,
            frame_rule=frame_rule,
            dna=_describe(dna, dna_layer, "dna.safetensors", digests),
            protein=_describe(protein, protein_layer, "protein.safetensors", digests),
            classifier=ClassifierSpec("classifier.safetensors", classifier.config),
            labels=LABELS,
            calibration=calibration,
            training=training or {},
            accuracy=accuracy or {},
            reliability=describe_reliability(reliability),
            files=digests,
        )

    return stage_bundle(path, fill)


def stage_bundle(path: Path, fill: Callable[[Path], BundleSpec]) -> Bundle:
    """Make a bundle's directory, whole or not at all, and load it.

    Args:
        path: directory to make; it must not exist yet.
        fill: puts every file but ``bundle.json`` into the directory that it is given, and returns
            what ``bundle.json`` is to say.

    Raises:
        BundleError: ``path`` exists or cannot be written, or what was put there is no bundle.
    """
    if path.exists():
        raise BundleError("exists already", where=str(path), remedy="choose another directory")
    staging = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        staging.mkdir(parents=True)
        spec = fill(staging)
        text = json.dumps(spec.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
        (staging / MANIFEST).write_text(text + "\n", encoding="utf-8")
        load_bundle(staging).verify()  # what cannot be loaded is not written
        staging.replace(path)
    except BundleError as error:
        raise BundleError(
            f"does not make a bundle: {error.what}", where=str(path), remedy=error.remedy
        ) from error
    except OSError as error:
        raise BundleError(
            f"cannot be written ({error})",
            where=str(path),
            remedy="check free space and permissions",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return load_bundle(path)


def describe_reliability(
    reliability: tuple[MlpClassifier, StrangenessLimits] | None,
) -> ReliabilitySpec | None:
    """What ``bundle.json`` says of a network and its limits."""
    if reliability is None:
        return None
    network, limits = reliability
    return ReliabilitySpec(RELIABILITY, network.config, limits)


def _describe(
    encoder: DnabertS | Esm2, layer: int | None, weights: str, digests: Mapping[str, str]
) -> EncoderSpec:
    is_dna = isinstance(encoder, DnabertS)
    return EncoderSpec(
        architecture="dnabert_s" if is_dna else "esm2",
        name=encoder.name,
        config=encoder.config,
        layer=encoder.n_layers if layer is None else layer,
        pooling="mean",
        weights=weights,
        weights_sha256=digests[weights],
        tokenizer="tokenizer.json" if is_dna else None,
    )
