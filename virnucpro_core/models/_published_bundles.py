"""VirNucPro's own models as bundles: its classifiers with the encoders that they were trained on.

The classifiers are in the repository of Li et al., the encoders on the Hugging Face hub. Nothing of
what is fetched is executed.
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType

from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import BundleError
from virnucpro_core.models._bundle import Bundle, load_bundle
from virnucpro_core.models._hub import PUBLISHED_MODELS, PublishedModel, fetch_model
from virnucpro_core.models._import_bundle import import_bundle
from virnucpro_core.models._user_folders import cache_folder, models_folder

__all__ = ["PUBLISHED_BUNDLES", "PublishedBundle", "fetch_bundle"]

_COMMIT = "0f93f2755a7ea1acd3ff1bcf182892f960ef3326"
_ADDRESS = f"https://raw.githubusercontent.com/Li-Jing-1997/VirNucPro/{_COMMIT}"
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PublishedBundle:
    """What a bundle is made of.

    Attributes:
        classifier: file in VirNucPro's repository.
        git_blob: its digest as git has it: SHA-1 of "blob", its size, a zero byte and its content.
        window_size: bases per window that it was trained on.
        dna, protein: the encoders that it was trained with.
    """

    classifier: str
    git_blob: str
    window_size: int
    dna: PublishedModel = PUBLISHED_MODELS["DNABERT-S"]
    protein: PublishedModel = PUBLISHED_MODELS["esm2_t36_3B_UR50D"]


PUBLISHED_BUNDLES: Mapping[str, PublishedBundle] = MappingProxyType(
    {
        "virnucpro-300": PublishedBundle(
            "300_model.pth", "a0b5b85e7c1e44f00cde146d091beb82b2c8e855", 300
        ),
        "virnucpro-500": PublishedBundle(
            "500_model.pth", "fc35d5ef9f1f4564eea7036f34f4f8ec6000d33d", 500
        ),
    }
)
"""Bundles that can be asked for by name."""


def fetch_bundle(
    name: str,
    published: PublishedBundle | None = None,
    *,
    cache: Path | None = None,
    offline: bool = False,
) -> Bundle:
    """A published model as a bundle in `models_folder`, made unless it is there.

    ``VIRNUCPRO_CLASSIFIERS`` names another address than VirNucPro's repository for the classifiers.

    Args:
        name: one of `PUBLISHED_BUNDLES`.
        published: what it is made of; None for what `PUBLISHED_BUNDLES` says.
        cache, offline: for the encoders, see `fetch_model`.

    Raises:
        BundleError: a part cannot be fetched, or is not what was published.
        StoreError: the classifier cannot be written.
    """
    path = models_folder() / name
    if path.exists():
        return load_bundle(path)
    model = published or PUBLISHED_BUNDLES[name]
    # The smallest part first: what is missing is seen before gigabytes are fetched.
    classifier = _fetch_classifier(model, offline=offline)
    return import_bundle(
        path,
        classifier=classifier,
        dna=fetch_model("DNABERT-S", model.dna, cache=cache, offline=offline),
        protein=fetch_model("esm2_t36_3B_UR50D", model.protein, cache=cache, offline=offline),
        window_size=model.window_size,
    )


def _fetch_classifier(model: PublishedBundle, *, offline: bool) -> Path:
    path = cache_folder() / model.git_blob / model.classifier
    if path.exists():
        return path
    address = f"{os.environ.get('VIRNUCPRO_CLASSIFIERS') or _ADDRESS}/{model.classifier}"
    remedy = "check the network, or make the bundle from a file: virnucpro model import"
    if offline:
        raise BundleError("is not in the cache (offline)", where=address, remedy=remedy)
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer:
            content: bytes = answer.read()
    except (OSError, HTTPException, ValueError) as error:
        status = isinstance(error, urllib.error.HTTPError)
        reason = error if status else getattr(error, "reason", error)
        raise BundleError(f"cannot be fetched ({reason})", where=address, remedy=remedy) from error
    found = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if found != model.git_blob:
        raise BundleError(
            f"arrived as git blob {found[:12]}…, published is {model.git_blob[:12]}…",
            where=address,
            remedy="fetch it again; if it stays so, check VIRNUCPRO_CLASSIFIERS and proxies",
        )
    with AtomicFile(path) as file:
        file.write(content)
    return path
