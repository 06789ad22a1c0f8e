"""From what a user calls a model to the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from virnucpro_core.errors import BundleError, UsageError
from virnucpro_core.models._bundle import MANIFEST, Bundle, load_bundle

if TYPE_CHECKING:
    from virnucpro_core.models._hugging_face import HuggingFaceModel

__all__ = ["open_bundle", "open_model"]

_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".safetensors")


def open_model(model: str | Path, *, offline: bool = False) -> Bundle | HuggingFaceModel:
    """Find a model and read what it says of itself.

    Args:
        model: a directory with a model bundle, or with an ESM-2 or DNABERT-S as Hugging Face lays
            it out; the name of a bundle in `bundle_folders`; one of `PUBLISHED_MODELS`, which is
            fetched; or the ``s3://`` prefix of a bundle, which is copied. A directory that holds a
            model comes before a name.
        offline: take a published model only from the hub's cache.

    Raises:
        BundleError: the model cannot be found or used.
        StoreError: S3 cannot be read, or a copy cannot be written.
        UsageError: ``model`` is empty, or S3 cannot be used with what is installed.
    """
    if not str(model):
        # To Path, nothing is the current directory.
        raise UsageError(
            "the model has an empty name", remedy="give a directory, a name or an s3:// prefix"
        )
    path = Path(model)
    if (path / MANIFEST).exists():
        return load_bundle(path)
    # Anything else is looked up with what needs torch; a task has the folder of a bundle.
    from virnucpro_core.models._hub import PUBLISHED_MODELS, fetch_model, find_published
    from virnucpro_core.models._hugging_face import CONFIG, open_hugging_face
    from virnucpro_core.models._library import find_bundle, list_bundles
    from virnucpro_core.models._published_bundles import PUBLISHED_BUNDLES
    from virnucpro_core.models._s3_bundle import copy_bundle, s3_location

    # A folder of results can be called as a model is; it does not hide it.
    named = None if (path / CONFIG).exists() else find_bundle(str(model))
    if named is not None:
        path = named
    elif not path.exists():
        location = s3_location(model)
        if location is not None:
            return load_bundle(copy_bundle(location))
        published = find_published(str(model))
        if published is not None:
            return fetch_model(published, offline=offline)
        if str(model) in PUBLISHED_BUNDLES:
            raise BundleError(
                "is not fetched",
                where=str(model),
                remedy=f"fetch it: virnucpro model fetch {model}",
            )
        known = [*(bundle.name for bundle in list_bundles()), *PUBLISHED_MODELS]
        raise BundleError(
            "there is no such model",
            where=str(model),
            remedy=f"give a directory, an s3:// prefix, or one of {', '.join(known)}",
        )
    if (path / MANIFEST).exists():
        return load_bundle(path)
    if path.is_dir():
        return open_hugging_face(path)
    if path.suffix in _WEIGHTS:
        raise BundleError(
            "is a file of weights alone",
            where=str(path),
            remedy="give a directory that has it as pytorch_model.bin, with config.json beside it",
        )
    raise BundleError(
        "is a file", where=str(path), remedy="give the directory that holds the model"
    )


def open_bundle(model: str | Path) -> Bundle:
    """Find a bundle; ``model`` as for `open_model`.

    Raises:
        BundleError: the model cannot be found or used, or is an encoder alone.
    """
    found = open_model(model, offline=True)
    if not isinstance(found, Bundle):
        raise BundleError(
            "is an encoder without a classifier",
            where=str(model),
            remedy=f"give a model bundle, a directory with a {MANIFEST}",
        )
    return found
