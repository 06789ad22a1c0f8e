"""Model bundles: a directory with everything that a prediction needs besides reads.

``bundle.json`` describes the bundle and holds the SHA-256 of every other file; the weights are
safetensors files, so loading a bundle never runs code from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from virnucpro_core._calibration import Calibration
from virnucpro_core._files import sha256_of_file
from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.errors import BundleError
from virnucpro_core.models._bundle_spec import (
    BundleSpec,
    EncoderKind,
    EncoderSpec,
    parse_bundle_spec,
)
from virnucpro_core.models._classifier import Classifier, check_classifier
from virnucpro_core.models._config import Esm2Config
from virnucpro_core.models._kmer_tokenizer import load_dna_tokenizer
from virnucpro_core.models._reliability import Reliability
from virnucpro_core.models._tokenizers import Esm2Tokenizer, Tokenizer
from virnucpro_core.models._weight_shapes import read_shapes

if TYPE_CHECKING:
    # What needs torch is imported where an encoder is loaded: a bundle's description and its
    # classifier do without.
    import torch

    from virnucpro_core.models._encoder import Encoder
    from virnucpro_core.models._weights import LinearFactory

__all__ = ["MANIFEST", "Bundle", "load_bundle", "parse_manifest"]

MANIFEST = "bundle.json"
_FETCH_AGAIN = "fetch or train the bundle again"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose description was read; each file is verified when it is loaded.

    Attributes:
        path: its directory.
        sha256: SHA-256 of the bytes of ``bundle.json``, and so of everything in the bundle.
        spec: what ``bundle.json`` says.
    """

    path: Path
    sha256: str
    spec: BundleSpec

    @property
    def name(self) -> str:
        """Short name of the bundle."""
        return self.spec.name

    @property
    def window_size(self) -> int:
        """Bases per window that the classifier was trained on."""
        return self.spec.window_size

    @property
    def frame_rule(self) -> FrameRule:
        """Which frames a window has, as the classifier was trained."""
        return self.spec.frame_rule

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the classifier's outputs."""
        return self.spec.labels

    @property
    def calibration(self) -> Calibration | None:
        """How scores become probabilities; None when they do not."""
        known = self.spec.calibration
        return None if known is None else Calibration.parse(known, str(self.path))

    @property
    def dna(self) -> EncoderSpec:
        """The DNA encoder."""
        return self.spec.dna

    @property
    def protein(self) -> EncoderSpec:
        """The protein encoder."""
        return self.spec.protein

    def encoder_spec(self, kind: EncoderKind) -> EncoderSpec:
        """The ``"dna"`` or the ``"protein"`` encoder's description."""
        return self.dna if kind == "dna" else self.protein

    def load_encoder(
        self,
        kind: EncoderKind,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        *,
        attention: str = "auto",
        linear: LinearFactory | None = None,
    ) -> Encoder:
        """The encoder with its weights, for inference.

        Args:
            kind: ``"dna"`` or ``"protein"``.
            device: where it computes.
            dtype: number format it computes in, whatever the weights are stored as; fp32 for None.
            attention: the encoder's ``attention_backend``.
            linear: makes what takes the place of each ``nn.Linear`` of the layers, from its weight
                and bias as stored: how the weights become int8 one layer at a time.

        Raises:
            BundleError: the weights are not those of ``bundle.json``, or cannot be read.
        """
        import torch

        from virnucpro_core.models._weights import load_weights

        spec = self.encoder_spec(kind)
        self._check_encoder(spec)
        self._verify_file(spec.weights)
        encoder = load_weights(
            _encoder_builder(spec),
            self.path / spec.weights,
            torch.device(device),
            dtype or torch.float32,
            linear=linear,
        )
        encoder.attention_backend = attention
        return encoder

    def load_tokenizer(self, kind: EncoderKind) -> Tokenizer:
        """The tokenizer that belongs to the encoder.

        Raises:
            BundleError: the tokenizer file cannot be used, or makes tokens the encoder lacks.
        """
        if kind == "protein":
            return Esm2Tokenizer()
        spec = self.dna
        if spec.tokenizer is None or isinstance(spec.config, Esm2Config):
            raise AssertionError("a parsed DNA encoder is a DNABERT-S with a tokenizer")
        self._verify_file(spec.tokenizer)
        return load_dna_tokenizer(
            self.path / spec.tokenizer, spec.config.vocabulary_size, remedy=_FETCH_AGAIN
        )

    def load_classifier(self) -> Classifier:
        """The classifier with its weights.

        Raises:
            BundleError: the weights are not those of ``bundle.json``, or cannot be read.
        """
        spec = self.spec.classifier
        self._verify_file(spec.weights)
        return Classifier.load(self.path / spec.weights, spec.config)

    def load_reliability(self) -> Reliability | None:
        """What tells sequence of organisms from other sequence; None where the bundle has nothing.

        Raises:
            BundleError: the weights are not those of ``bundle.json``, or cannot be read.
        """
        spec = self.spec.reliability
        if spec is None:
            return None
        self._verify_file(spec.weights)
        return Reliability(Classifier.load(self.path / spec.weights, spec.config), spec.limits)

    def verify(self) -> None:
        """Compare every file with its digest and with what ``bundle.json`` says of it.

        Raises:
            BundleError: a file is altered, cannot be read or does not fit.
        """
        for encoder in (self.dna, self.protein):
            self._check_encoder(encoder)
        for name in self.spec.files:
            self._verify_file(name)
        self.load_tokenizer("dna")

    def _check_encoder(self, spec: EncoderSpec) -> None:
        from virnucpro_core.models._weights import check_weights

        check_weights(_encoder_builder(spec), self.path / spec.weights)

    def _verify_file(self, name: str) -> None:
        path, expected = self.path / name, self.spec.files[name]
        try:
            found = sha256_of_file(path)
        except OSError as error:
            raise _unreadable(path, error) from error
        if found != expected:
            raise BundleError(
                f"has SHA-256 {found[:12]}…, {MANIFEST} says {expected[:12]}…",
                where=str(path),
                remedy=_FETCH_AGAIN,
            )


def load_bundle(path: Path) -> Bundle:
    """Read a bundle's description, and see that its files are there and not cut short.

    This reads a few kilobytes. A file is compared with its digest and its description when its
    content is loaded, so that a task reads no gigabytes that it does not use; `Bundle.verify`
    compares all of them.

    Raises:
        BundleError: the bundle is missing, incomplete or contradicts itself.
    """
    manifest = path / MANIFEST
    try:
        content = manifest.read_bytes()
    except OSError as error:
        raise BundleError(
            f"cannot be read ({error.strerror})",
            where=str(manifest),
            remedy="name a directory that holds a model bundle",
        ) from error
    spec = parse_manifest(content, str(manifest))
    for name in spec.files:
        try:
            (path / name).stat()
        except OSError as error:
            raise _unreadable(path / name, error) from error
    for encoder in (spec.dna, spec.protein):
        read_shapes(path / encoder.weights)
    check_classifier(path / spec.classifier.weights, spec.classifier.config)
    if spec.reliability is not None:
        check_classifier(path / spec.reliability.weights, spec.reliability.config)
    return Bundle(path, hashlib.sha256(content).hexdigest(), spec)


def parse_manifest(content: bytes, where: str) -> BundleSpec:
    """Read the bytes of ``bundle.json``; ``where`` it is, is for messages.

    Raises:
        BundleError: it is not JSON, has a key twice, or is not what `parse_bundle_spec` reads.
    """
    try:
        document = json.loads(
            content.decode("utf-8"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_of_pairs,
        )
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BundleError(
            f"is not valid JSON ({reason})", where=where, remedy=_FETCH_AGAIN
        ) from error
    return parse_bundle_spec(document, where)


def _unreadable(path: Path, error: OSError) -> BundleError:
    return BundleError(
        f"is listed in {MANIFEST} but cannot be read ({error.strerror})",
        where=str(path),
        remedy=_FETCH_AGAIN,
    )


def _encoder_builder(spec: EncoderSpec) -> Callable[[], Encoder]:
    from virnucpro_core.models._dnabert_s import DnabertS
    from virnucpro_core.models._esm2 import Esm2

    config = spec.config
    if isinstance(config, Esm2Config):
        return lambda: Esm2(config, spec.name)
    return lambda: DnabertS(config, spec.name)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found
