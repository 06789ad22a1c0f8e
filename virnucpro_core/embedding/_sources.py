"""An encoder of any model: of a bundle, of a directory of Hugging Face's layout, or published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from virnucpro_core.embedding._attempts import name_want_of_memory
from virnucpro_core.embedding._reference import ReferenceEncoder, reference_tokenizer
from virnucpro_core.embedding._settings import EmbedSettings, Engine, load_encoder
from virnucpro_core.errors import UsageError
from virnucpro_core.models import (
    Bundle,
    Encoder,
    EncoderKind,
    HuggingFaceModel,
    Tokenizer,
    open_model,
)

__all__ = ["EncoderSource", "open_encoder"]


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """An encoder that can be loaded, and what an output says of it.

    Attributes:
        model: where it is from.
        kind: ``"dna"`` or ``"protein"``.
    """

    model: Bundle | HuggingFaceModel
    kind: EncoderKind

    @property
    def name(self) -> str:
        """Name of the weights."""
        if isinstance(self.model, Bundle):
            return self.model.encoder_spec(self.kind).name
        return self.model.name

    @property
    def layer(self) -> int:
        """Layer that is pooled unless another is asked for."""
        if isinstance(self.model, Bundle):
            return self.model.encoder_spec(self.kind).layer
        return self.model.config.n_layers

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights."""
        if isinstance(self.model, Bundle):
            return self.model.encoder_spec(self.kind).weights_sha256
        return self.model.sha256

    def load_encoder(self, settings: EmbedSettings) -> Encoder:
        """The encoder with its weights, as ``settings`` want it.

        Raises:
            HostMemoryError, DeviceMemoryError: the weights do not fit the device.
            UsageError: the engine needs a package that is not installed.
        """
        with name_want_of_memory(f"the weights of {self.name}", settings.device):
            encoder = self._load_packed(settings)
            return ReferenceEncoder(encoder) if settings.engine is Engine.V1 else encoder

    def load_tokenizer(self, engine: Engine = Engine.V2) -> Tokenizer:
        """The tokenizer that belongs to the encoder.

        Raises:
            UsageError: the engine needs a package that is not installed.
        """
        if isinstance(self.model, Bundle):
            tokenizer = self.model.load_tokenizer(self.kind)
        else:
            tokenizer = self.model.load_tokenizer()
        return reference_tokenizer(self.kind, tokenizer) if engine is Engine.V1 else tokenizer

    def _load_packed(self, settings: EmbedSettings) -> Encoder:
        if isinstance(self.model, Bundle):
            return load_encoder(self.model, self.kind, settings)
        return self.model.load_encoder(
            settings.device,
            settings.dtype,
            attention=settings.attention,
            linear=settings.linear,
        )


def open_encoder(model: str | Path, kind: EncoderKind | None = None) -> EncoderSource:
    """Find the encoder ``model``.

    Args:
        model: see `open_model`.
        kind: which of a bundle's two encoders, by default the protein encoder; of other models,
            what they have to be.

    Raises:
        BundleError: the model cannot be found or used.
        UsageError: the model is not of this kind.
    """
    found = open_model(model)
    if isinstance(found, Bundle):
        return EncoderSource(found, kind or "protein")
    if kind not in (None, found.kind):
        raise UsageError(
            f"{found.name} is a {found.kind} encoder, a {kind} encoder is asked for",
            remedy="give another model, or sequences of the other kind",
        )
    return EncoderSource(found, found.kind)
