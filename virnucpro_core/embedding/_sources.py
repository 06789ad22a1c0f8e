"""Finding an encoder: a model bundle, a directory of Hugging Face's layout, or a published name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from virnucpro_core.embedding._attempts import name_want_of_memory
from virnucpro_core.embedding._settings import EmbedSettings, load_encoder
from virnucpro_core.errors import BundleError, UsageError
from virnucpro_core.models import (
    PUBLISHED_MODELS,
    Bundle,
    Encoder,
    EncoderKind,
    HuggingFaceModel,
    Tokenizer,
    fetch_model,
    load_bundle,
    open_hugging_face,
)

__all__ = ["EncoderSource", "open_encoder", "open_model"]

_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


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
            DeviceMemoryError: the weights do not fit the device.
        """
        with name_want_of_memory(f"the weights of {self.name}", settings.device):
            if isinstance(self.model, Bundle):
                return load_encoder(self.model, self.kind, settings)
            return self.model.load_encoder(
                settings.device,
                settings.dtype,
                attention=settings.attention,
                linear=settings.linear,
            )

    def load_tokenizer(self) -> Tokenizer:
        """The tokenizer that belongs to the encoder."""
        if isinstance(self.model, Bundle):
            return self.model.load_tokenizer(self.kind)
        return self.model.load_tokenizer()


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


def open_model(model: str | Path) -> Bundle | HuggingFaceModel:
    """Read and verify a model.

    Args:
        model: a directory with a model bundle, a directory with an ESM-2 or DNABERT-S as Hugging
            Face lays it out, or one of `PUBLISHED_MODELS`, which is fetched.

    Raises:
        BundleError: the model cannot be found or used.
    """
    path = Path(model)
    if not path.exists() and str(model) in PUBLISHED_MODELS:
        return fetch_model(str(model))
    if (path / "bundle.json").exists():
        return load_bundle(path)
    if path.is_dir():
        return open_hugging_face(path)
    if not path.exists():
        raise BundleError(
            "there is no such model",
            where=str(model),
            remedy=f"give a directory, or one of {', '.join(PUBLISHED_MODELS)}",
        )
    if path.suffix in _PICKLES:
        raise BundleError(
            "is a file of weights alone",
            where=str(path),
            remedy="give a directory that has it as pytorch_model.bin, with config.json beside it",
        )
    raise BundleError(
        "is a file", where=str(path), remedy="give the directory that holds the model"
    )
