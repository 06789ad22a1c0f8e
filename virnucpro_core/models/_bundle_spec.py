"""``bundle.json``: what a model bundle says about itself, as frozen dataclasses.

``bundle.schema.json`` beside this file says the same to others, as far as a JSON Schema can; a test
holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from virnucpro_core._calibration import Calibration
from virnucpro_core._frame_rule import FRAME_RULES, FrameRule, parse_frame_rule
from virnucpro_core._json_object import JsonObject
from virnucpro_core._reliability import N_CODON_FREQUENCIES, StrangenessLimits
from virnucpro_core.errors import BundleError, UsageError
from virnucpro_core.models._config import ClassifierConfig, DnabertSConfig, Esm2Config

__all__ = [
    "LABELS",
    "SCHEMA_VERSION",
    "BundleSpec",
    "ClassifierSpec",
    "EncoderKind",
    "EncoderSpec",
    "ReliabilitySpec",
    "parse_bundle_spec",
]

SCHEMA_VERSION = 1
EncoderKind = Literal["dna", "protein"]

_CONFIGS: dict[str, type[Esm2Config] | type[DnabertSConfig]] = {
    "dnabert_s": DnabertSConfig,
    "esm2": Esm2Config,
}
_CODON_USAGE = "codon_usage"
_ARCHITECTURES = {"dna": "dnabert_s", "protein": "esm2"}
LABELS = ("others", "virus")


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """One encoder of a bundle.

    Attributes:
        architecture: ``"dnabert_s"`` or ``"esm2"``.
        name: name of the weights, for example ``"esm2_t36_3B_UR50D"``.
        config: shape of the encoder.
        layer: number of the layer that is pooled, 0 for the token embeddings.
        pooling: ``"mean"``.
        weights: safetensors file, relative to the bundle.
        weights_sha256: its digest.
        tokenizer: tokenizer file, relative to the bundle; None for ESM-2, whose alphabet is fixed.
    """

    architecture: str
    name: str
    config: Esm2Config | DnabertSConfig
    layer: int
    pooling: str
    weights: str
    weights_sha256: str
    tokenizer: str | None


@dataclass(frozen=True, slots=True)
class ClassifierSpec:
    """The classifier of a bundle.

    Attributes:
        weights: safetensors file, relative to the bundle.
        config: shape of the classifier.
    """

    weights: str
    config: ClassifierConfig


@dataclass(frozen=True, slots=True)
class ReliabilitySpec:
    """What tells sequence of organisms from sequence that none has, see `Reliability`.

    Attributes:
        weights: safetensors file, relative to the bundle, of a network shaped as the classifier.
        config: shape of the network.
        limits: how strange a record may be for its call to be relied on.
    """

    weights: str
    config: ClassifierConfig
    limits: StrangenessLimits


@dataclass(frozen=True, slots=True)
class BundleSpec:
    """All of ``bundle.json``.

    Attributes:
        name: short name, for example ``"virnucpro-300"``.
        description: one or two sentences for people.
        licence: licence of the weights, an SPDX identifier where there is one.
        window_size: bases per window that the classifier was trained on.
        dna: the DNA encoder.
        protein: the protein encoder.
        classifier: the classifier, whose input is the DNA embedding, then the protein embedding.
        labels: names of the classes, in the order of the classifier's outputs.
        calibration: how scores become probabilities, as `Calibration` reads it; None when they do
            not.
        training: data and procedure that made the classifier.
        accuracy: what was measured, and on what.
        files: SHA-256 (lower-case hexadecimal) of every file of the bundle except
            ``bundle.json``, by its path relative to the bundle.
        frame_rule: which frames a window has, as the classifier was trained.
        reliability: what tells sequence of organisms from other sequence; None where nothing does.
    """

    name: str
    description: str
    licence: str
    window_size: int
    dna: EncoderSpec
    protein: EncoderSpec
    classifier: ClassifierSpec
    labels: tuple[str, ...]
    calibration: Mapping[str, Any] | None
    training: Mapping[str, Any]
    accuracy: Mapping[str, Any]
    files: Mapping[str, str]
    frame_rule: FrameRule = "complete"
    reliability: ReliabilitySpec | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that `parse_bundle_spec` reads."""
        # What a bundle without the key means is not written: such bundles keep their digests.
        rule = {} if self.frame_rule == "complete" else {"frame_rule": self.frame_rule}
        reliability = (
            {} if self.reliability is None else {"reliability": _reliability_json(self.reliability)}
        )
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "description": self.description,
            "licence": self.licence,
            "window_size": self.window_size,
            **rule,
            "encoders": {"dna": _encoder_json(self.dna), "protein": _encoder_json(self.protein)},
            "classifier": {
                "weights": self.classifier.weights,
                **asdict(self.classifier.config),
            },
            "labels": list(self.labels),
            "calibration": None if self.calibration is None else dict(self.calibration),
            **reliability,
            "training": dict(self.training),
            "accuracy": dict(self.accuracy),
            "files": dict(self.files),
        }


def parse_bundle_spec(document: object, where: str) -> BundleSpec:
    """Read the parsed ``bundle.json``.

    Args:
        document: what the JSON parser returned.
        where: the file, for messages.

    Raises:
        BundleError: a key is missing, unexpected, of the wrong type or contradicts another.
    """
    root = JsonObject(document, "", where)
    version = root.take("schema_version", int)
    if version != SCHEMA_VERSION:
        raise BundleError(
            f"has schema version {version}, this program reads {SCHEMA_VERSION}",
            where=where,
            remedy="use a bundle made for this version",
        )
    files = root.take_object("files")
    digests = {_relative_path(files, name): _digest(files, name) for name in files.names()}
    encoders = root.take_object("encoders")
    spec = BundleSpec(
        name=root.take("name", str),
        description=root.take("description", str),
        licence=root.take("licence", str),
        window_size=root.take("window_size", int),
        dna=_encoder(encoders.take_object("dna"), "dna", digests),
        protein=_encoder(encoders.take_object("protein"), "protein", digests),
        classifier=_classifier(root.take_object("classifier"), digests),
        labels=tuple(root.take("labels", list)),
        calibration=_calibration(root),
        training=root.take("training", dict),
        accuracy=root.take("accuracy", dict),
        files=digests,
        frame_rule=_frame_rule(root),
        reliability=_reliability(root, digests),
    )
    encoders.finish()
    root.finish()
    _check_agreement(spec, root)
    return spec


def _encoder_json(spec: EncoderSpec) -> dict[str, Any]:
    entry = {
        "architecture": spec.architecture,
        "name": spec.name,
        "config": asdict(spec.config),
        "layer": spec.layer,
        "pooling": spec.pooling,
        "weights": spec.weights,
    }
    return entry if spec.tokenizer is None else {**entry, "tokenizer": spec.tokenizer}


def _reliability_json(spec: ReliabilitySpec) -> dict[str, Any]:
    return {
        "method": _CODON_USAGE,
        "weights": spec.weights,
        **asdict(spec.config),
        **spec.limits.to_json(),
    }


def _relative_path(parent: JsonObject, name: str) -> str:
    plain = all(part and not part.startswith(".") for part in name.split("/"))
    if not plain or any(character in name for character in "\\:\0"):
        raise parent.error(
            f"the path {name!r} must lie in the bundle's directory, without '.', '..' or hidden "
            "folders"
        )
    return name


def _digest(files: JsonObject, name: str) -> str:
    digest = files.take(name, str)
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise files.error(f"{files.path(name)} must be a SHA-256 in lower-case hexadecimal")
    return digest


def _file(entry: JsonObject, key: str, digests: Mapping[str, str]) -> str:
    name = _relative_path(entry, entry.take(key, str))
    if name not in digests:
        raise entry.error(f"{entry.path(key)} names {name}, which files does not list")
    return name


def _encoder(entry: JsonObject, kind: EncoderKind, digests: Mapping[str, str]) -> EncoderSpec:
    architecture = entry.take("architecture", str)
    if architecture != _ARCHITECTURES[kind]:
        raise entry.error(
            f"{entry.path('architecture')} must be {_ARCHITECTURES[kind]}, not {architecture}"
        )
    config = _config(entry, _CONFIGS[architecture])
    layer = entry.take("layer", int)
    if not 0 <= layer <= config.n_layers:
        raise entry.error(f"{entry.path('layer')} must be 0 to {config.n_layers}, not {layer}")
    pooling = entry.take("pooling", str)
    if pooling != "mean":
        raise entry.error(f"{entry.path('pooling')} must be mean, not {pooling}")
    weights = _file(entry, "weights", digests)
    spec = EncoderSpec(
        architecture=architecture,
        name=entry.take("name", str),
        config=config,
        layer=layer,
        pooling=pooling,
        weights=weights,
        weights_sha256=digests[weights],
        tokenizer=_file(entry, "tokenizer", digests) if kind == "dna" else None,
    )
    entry.finish()
    return spec


def _config(
    entry: JsonObject, kind: type[Esm2Config] | type[DnabertSConfig]
) -> Esm2Config | DnabertSConfig:
    sizes = entry.take_object("config")
    values = {name: sizes.take(name, int) for name in kind.__slots__}
    sizes.finish()
    try:
        return kind(**values)
    except ValueError as error:
        raise entry.error(f"{entry.path('config')}: {error}") from error


def _classifier(entry: JsonObject, digests: Mapping[str, str]) -> ClassifierSpec:
    weights = _file(entry, "weights", digests)
    values = {name: entry.take(name, int) for name in ClassifierConfig.__slots__}
    entry.finish()
    try:
        return ClassifierSpec(weights, ClassifierConfig(**values))
    except ValueError as error:
        raise entry.error(f"classifier: {error}") from error


def _reliability(root: JsonObject, digests: Mapping[str, str]) -> ReliabilitySpec | None:
    if "reliability" not in root.names():
        return None
    entry = root.take_object("reliability")
    method = entry.take("method", str)
    if method != _CODON_USAGE:
        raise entry.error(f"{entry.path('method')} must be {_CODON_USAGE}, not {method}")
    limits = StrangenessLimits.take(entry)
    network = _classifier(entry, digests)
    return ReliabilitySpec(network.weights, network.config, limits)


def _frame_rule(root: JsonObject) -> FrameRule:
    if "frame_rule" not in root.names():
        return "complete"
    name = root.take("frame_rule", str)
    try:
        return parse_frame_rule(name)
    except UsageError as error:
        raise root.error(
            f"frame_rule must be one of {', '.join(FRAME_RULES)}, not {name}"
        ) from error


def _calibration(root: JsonObject) -> dict[str, Any] | None:
    entry = root.take_optional("calibration")
    return None if entry is None else Calibration.parse(entry, root.where).to_json()


def _check_agreement(spec: BundleSpec, root: JsonObject) -> None:
    if spec.window_size < 3:
        raise root.error(f"window_size must be at least a codon, not {spec.window_size}")
    if spec.labels != LABELS:
        raise root.error(f"labels must be {list(LABELS)}, not {list(spec.labels)}")
    if spec.classifier.config.n_classes != len(spec.labels):
        raise root.error(
            f"classifier.n_classes is {spec.classifier.config.n_classes}, but there are "
            f"{len(spec.labels)} labels"
        )
    if spec.reliability is not None:
        _check_reliability(spec.reliability, spec, root)
    widths = spec.dna.config.width, spec.protein.config.width
    if spec.classifier.config.input_width != sum(widths):
        raise root.error(
            f"classifier.input_width is {spec.classifier.config.input_width}, but the embeddings "
            f"are {widths[0]} + {widths[1]} wide"
        )


def _check_reliability(reliability: ReliabilitySpec, spec: BundleSpec, root: JsonObject) -> None:
    if spec.calibration is None:
        raise root.error("reliability is about the tiers of calls, which need a calibration")
    if (reliability.config.input_width, reliability.config.n_classes) != (N_CODON_FREQUENCIES, 2):
        raise root.error(
            f"reliability must take {N_CODON_FREQUENCIES} numbers and have 2 classes, not "
            f"{reliability.config.input_width} and {reliability.config.n_classes}"
        )
