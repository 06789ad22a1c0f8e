"""The files of a published model, in the cache that the Hugging Face hub's own library keeps.

The library starts a file anew when the process that fetched it has ended. Weights are gigabytes, so
they are fetched first, by the library's own transfer, into a file that the next attempt goes on
with; all other files, and what the cache looks like, are left to the library.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from virnucpro_core._files import commit, sha256_of_file
from virnucpro_core.errors import BundleError
from virnucpro_core.models._size import format_size

if TYPE_CHECKING:
    from huggingface_hub.hf_api import BlobLfsInfo

__all__ = ["download", "find_downloaded"]

# Kinds of weights by preference: how their files end, and what to fetch. Code is never fetched.
_BESIDE = ["config.json", "tokenizer.json"]
_KINDS = {
    ".safetensors": [*_BESIDE, "model*.safetensors", "model.safetensors.index.json"],
    ".bin": [*_BESIDE, "pytorch_model*.bin", "pytorch_model.bin.index.json"],
}
_CANNOT_WRITE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
}

# What its HTTP clients say, httpx and requests among them, when there is no connection at all.
_UNREACHABLE = {"ConnectError", "ConnectTimeout", "ConnectionError", "LocalEntryNotFoundError"}


def find_downloaded(repository: str, revision: str, cache: Path | None = None) -> Path | None:
    """Where a model lies that is fetched as a whole; None where it is not.

    Args:
        repository: its name on the hub.
        revision: the commit.
        cache: the hub's cache; None for its usual place.
    """
    from huggingface_hub import errors, snapshot_download

    for suffix, patterns in _KINDS.items():
        try:
            folder = snapshot_download(
                repository,
                revision=revision,
                cache_dir=cache,
                allow_patterns=patterns,
                local_files_only=True,
            )
        except errors.LocalEntryNotFoundError:
            continue
        if any(Path(folder).glob(f"*{suffix}")):
            return Path(folder)
    return None


def download(
    repository: str, revision: str, cache: Path | None = None, *, offline: bool = False
) -> Path:
    """The directory of a model, fetched unless it is there.

    Args:
        repository, revision, cache: as for `find_downloaded`.
        offline: do not ask the hub.

    Raises:
        BundleError: it cannot be fetched, or arrives with other bytes than the hub says.
    """
    # Imported here: it is not needed for models that are files already.
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.hf_api import RepoFile

    found = find_downloaded(repository, revision, cache)
    if found is not None:
        return found
    if offline or constants.HF_HUB_OFFLINE:
        raise BundleError(
            "is not in the cache, and the hub may not be asked (offline)",
            where=repository,
            remedy="fetch it with a network (virnucpro model fetch), or give a directory with it",
        )
    with _as_one_line(repository, revision):
        files = [
            entry
            for entry in HfApi().list_repo_tree(repository, revision=revision)
            if isinstance(entry, RepoFile)
        ]
        patterns = _patterns(repository, [file.path for file in files])
        for file in files:
            if file.lfs is not None and any(fnmatch(file.path, pattern) for pattern in patterns):
                _fetch_large(
                    repository, revision, file.path, file.lfs, cache or Path(constants.HF_HUB_CACHE)
                )
        return Path(
            snapshot_download(
                repository, revision=revision, cache_dir=cache, allow_patterns=patterns
            )
        )


def _patterns(repository: str, names: list[str]) -> list[str]:
    """What to fetch: the preferred kind of weights and what belongs to it."""
    for suffix, patterns in _KINDS.items():
        if any(name.endswith(suffix) for name in names):
            return patterns
    raise BundleError(
        f"has no weights there ({' or '.join(_KINDS)})",
        where=repository,
        remedy="give a directory with the model",
    )


def _fetch_large(
    repository: str, revision: str, name: str, entry: BlobLfsInfo, cache: Path
) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import WeakFileLock

    # The library keeps a large file under its SHA-256, and locks it so.
    folder = repo_folder_name(repo_id=repository, repo_type="model")
    blob = cache / folder / "blobs" / entry.sha256
    lock = cache / ".locks" / folder / f"{entry.sha256}.lock"
    blob.parent.mkdir(parents=True, exist_ok=True)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if not blob.exists():
            url = hf_hub_url(repository, name, revision=revision)
            _fetch_blob(url, f"{repository}/{name}", blob, entry.size)


def _fetch_blob(url: str, name: str, blob: Path, size: int) -> None:
    """Fetch a file of ``size`` bytes, whose SHA-256 is the name of ``blob``."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    partial = blob.with_name(f"{blob.name}.partial")
    n_there = partial.stat().st_size if partial.exists() else 0
    if n_there > size:
        partial.unlink()
        n_there = 0
    free = shutil.disk_usage(blob.parent).free
    if free < size - n_there:
        raise BundleError(
            f"{name} needs another {format_size(size - n_there)}, {format_size(free)} are free",
            where=str(blob.parent),
            remedy="free space there, or choose another cache (HF_HOME, --cache-dir)",
        )
    with partial.open("ab") as file:
        http_get(
            url,
            file,
            resume_size=n_there,
            headers=build_hf_headers(),
            expected_size=size,
            displayed_filename=name.rpartition("/")[2],
        )
    digest = sha256_of_file(partial)
    if digest != blob.name:
        partial.unlink()
        raise BundleError(
            f"arrived with SHA-256 {digest[:12]}…, the hub says {blob.name[:12]}…",
            where=name,
            remedy="fetch it again; if it stays so, check HF_ENDPOINT and proxies on the way",
        )
    commit(partial, blob)


@contextmanager
def _as_one_line(repository: str, revision: str) -> Iterator[None]:
    """Turn what the library raises into a `BundleError`."""
    from huggingface_hub import errors

    try:
        yield
    except BundleError:
        raise
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise BundleError(
            f"revision {revision[:12]} is not on the hub",
            where=repository,
            remedy="check HF_ENDPOINT, or give a directory with the model",
        ) from error
    except Exception as error:  # those of its HTTP client differ between the library's versions
        reason = _cannot_write(error)
        if reason is not None:
            raise BundleError(
                f"cannot be written to the cache: {reason}",
                where=repository,
                remedy="free space, or choose another cache (HF_HOME, --cache-dir)",
            ) from error
        if type(error).__name__ in _UNREACHABLE:
            raise BundleError(
                f"is not in the cache, and the hub cannot be reached ({error})",
                where=repository,
                remedy="connect to the network and check HF_ENDPOINT and proxies, or give a "
                "directory with the model",
            ) from error
        raise BundleError(
            f"cannot be fetched ({str(error) or type(error).__name__})",
            where=repository,
            remedy="check the network and HF_ENDPOINT and try again: what has arrived is kept; or "
            "give a directory with the model",
        ) from error


def _cannot_write(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
            return f"{_CANNOT_WRITE[error.errno]} ({error.filename or error})"
        error = error.__cause__ or error.__context__
    return None
