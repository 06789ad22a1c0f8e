"""Published encoders from the Hugging Face hub, at pinned revisions.

Safetensors are fetched, and pickled weights only where there are no safetensors. Code is not.

The hub's own library does the transfer, so its settings hold: ``HF_HOME`` (where files are kept),
``HF_ENDPOINT`` (a mirror), ``HF_HUB_OFFLINE`` (only what is there already).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from virnucpro_core.errors import BundleError
from virnucpro_core.models._hub_download import download
from virnucpro_core.models._hugging_face import HuggingFaceModel, open_hugging_face

__all__ = ["PUBLISHED_MODELS", "PublishedModel", "fetch_model", "find_published"]


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """Where a published encoder is.

    Attributes:
        repository: its name on the hub.
        revision: the commit to take.
        sha256: digest of its weights; None where it is not known.
        licence: of the weights.
    """

    repository: str
    revision: str
    sha256: str | None = None
    licence: str = "MIT"


PUBLISHED_MODELS: Mapping[str, PublishedModel] = MappingProxyType(
    {
        "esm2_t6_8M_UR50D": PublishedModel(
            "facebook/esm2_t6_8M_UR50D",
            "c731040fcd8d73dceaa04b0a8e6329b345b0f5df",
            "24c5fa474c48f3b754b86efe752d5f189d2bcd88190fa2270fc92b2ef3034189",
        ),
        "esm2_t12_35M_UR50D": PublishedModel(
            "facebook/esm2_t12_35M_UR50D", "6fbf070e65b0b7291e7bbcd451118c216cff79d8"
        ),
        "esm2_t30_150M_UR50D": PublishedModel(
            "facebook/esm2_t30_150M_UR50D",
            "a695f6045e2e32885fa60af20c13cb35398ce30c",
            "c3f1da8aea53bddd32c246c86168c23b9fd72341fb9db9a94436f855f5053566",
        ),
        "esm2_t33_650M_UR50D": PublishedModel(
            "facebook/esm2_t33_650M_UR50D",
            "08e4846e537177426273712802403f7ba8261b6c",
            "a08adabb949fa67ad3c14b509d04fd60368b35007b0095e3358f81200c4f4db0",
        ),
        "esm2_t36_3B_UR50D": PublishedModel(
            "facebook/esm2_t36_3B_UR50D", "476b639933c8baad5ad09a60ac1a87f987b656fc"
        ),
        "esm2_t48_15B_UR50D": PublishedModel(
            "facebook/esm2_t48_15B_UR50D", "5fbca39631164edc1d402a5aa369f982f72ee282"
        ),
        "DNABERT-S": PublishedModel(
            "zhihan1996/DNABERT-S",
            "00e47f96cdea35e4b6f5df89e5419cbe47d490c6",
            licence="see its page",  # there is none beside its code
        ),
    }
)
"""Encoders that can be asked for by name."""


def find_published(name: str) -> str | None:
    """The name in `PUBLISHED_MODELS` that ``name`` stands for, in any case and with - or _."""
    plain = name.lower().replace("-", "_")
    return next((k for k in PUBLISHED_MODELS if k.lower().replace("-", "_") == plain), None)


def fetch_model(
    name: str,
    published: PublishedModel | None = None,
    *,
    cache: Path | None = None,
    offline: bool = False,
) -> HuggingFaceModel:
    """A published encoder, fetched unless it is in the hub's cache already.

    Args:
        name: one of `PUBLISHED_MODELS`.
        published: where it is; None for what `PUBLISHED_MODELS` says.
        cache: the hub's cache; None for its usual place.
        offline: do not ask the hub.

    Raises:
        BundleError: it cannot be fetched or is damaged.
    """
    model = published or PUBLISHED_MODELS[name]
    folder = download(model.repository, model.revision, cache, offline=offline)
    found = open_hugging_face(folder, name=name)
    if model.sha256 is not None and found.sha256 != model.sha256:
        raise BundleError(
            f"the weights have SHA-256 {found.sha256[:12]}…, published are {model.sha256[:12]}…",
            where=str(found.files[0]),
            remedy="delete this file and fetch the model again",
        )
    return found
