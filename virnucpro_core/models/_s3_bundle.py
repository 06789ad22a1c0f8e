"""A bundle on S3: a copy on this machine, made once for each content."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import BundleError
from virnucpro_core.models._bundle import MANIFEST, parse_manifest
from virnucpro_core.models._size import format_size
from virnucpro_core.models._user_folders import cache_folder
from virnucpro_core.store import BlobStore, open_store

__all__ = ["copy_bundle", "s3_location"]

_PIECE_BYTES = 32 * 1024 * 1024
# pathlib.Path makes one slash of two.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}([^/].*)", re.DOTALL)


def s3_location(model: str | Path) -> str | None:
    """``s3://<bucket>/<prefix>`` if ``model`` is such a place; None if it is no URL.

    Raises:
        BundleError: it is a URL of another kind.
    """
    url = _URL.fullmatch(str(model))
    if url is None:
        return None
    if url[1].lower() != "s3":
        raise BundleError(
            f"models cannot be read from {url[1]}://",
            where=str(model),
            remedy="give a directory, a name or s3://<bucket>/<prefix>",
        )
    return f"s3://{url[2].rstrip('/')}"


def copy_bundle(location: str) -> Path:
    """The copy of a bundle on this machine; what it lacks is copied, and compared with its digest.

    Copies lie in `cache_folder`, each in a folder named after the digest of its ``bundle.json``.
    A file appears when it is whole, and ``bundle.json`` last: a broken copy is gone on with, and
    two processes that make the same one are harmless.

    Args:
        location: the ``s3://`` prefix under which the files of the bundle are.

    Raises:
        BundleError: there is no bundle, or a file of it is missing or altered.
        StoreError: S3 cannot be read, or the copy cannot be written.
        UsageError: S3 cannot be used with what is installed.
    """
    # Imported here: machines without it can load models from their own disk.
    from tqdm import tqdm  # type: ignore[import-untyped]

    store = open_store(location)
    content = store.get(MANIFEST)
    if content is None:
        raise BundleError(
            f"has no {MANIFEST}",
            where=location,
            remedy="give the prefix that the files of a bundle are under",
        )
    spec = parse_manifest(content, f"{location}/{MANIFEST}")
    folder = cache_folder() / hashlib.sha256(content).hexdigest()
    missing = [name for name in spec.files if not (folder / name).exists()]
    sizes = {name: _size(store, name) for name in missing}
    _check_room(folder, sum(sizes.values()))
    with tqdm(
        total=sum(sizes.values()), desc=spec.name, unit="B", unit_scale=True, disable=None
    ) as bar:
        for name, size in sizes.items():
            _copy(store, name, size, spec.files[name], folder / name, bar.update)
    if not (folder / MANIFEST).exists():
        with AtomicFile(folder / MANIFEST) as file:
            file.write(content)
    return folder


def _size(store: BlobStore, name: str) -> int:
    for blob in store.list(name):
        if blob.name == name:
            return blob.size
    raise _absent(store, name)


def _copy(
    store: BlobStore,
    name: str,
    size: int,
    sha256: str,
    path: Path,
    advance: Callable[[int], object],
) -> None:
    digest = hashlib.sha256()
    with AtomicFile(path) as file:
        for start in range(0, size, _PIECE_BYTES):
            piece = store.get_range(name, start, min(_PIECE_BYTES, size - start))
            if piece is None:
                raise _absent(store, name)
            digest.update(piece)
            file.write(piece)
            advance(len(piece))
        if digest.hexdigest() != sha256:
            raise BundleError(
                f"has SHA-256 {digest.hexdigest()[:12]}…, {MANIFEST} says {sha256[:12]}…",
                where=f"{store.location}/{name}",
                remedy="put the bundle there again",
            )


def _check_room(folder: Path, n_bytes: int) -> None:
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < n_bytes:
        raise BundleError(
            f"the copy needs another {format_size(n_bytes)}, {format_size(free)} are free",
            where=str(folder),
            remedy="free space there, or choose another folder with VIRNUCPRO_CACHE",
        )


def _absent(store: BlobStore, name: str) -> BundleError:
    return BundleError(
        f"is listed in {MANIFEST} but is not there",
        where=f"{store.location}/{name}",
        remedy="put the bundle there again",
    )
