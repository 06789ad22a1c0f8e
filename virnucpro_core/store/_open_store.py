"""From the place that a user names to the store that is there."""

from __future__ import annotations

import re
from pathlib import Path

from virnucpro_core.errors import UsageError
from virnucpro_core.store._blobs import BlobStore
from virnucpro_core.store._directory_store import DirectoryStore

__all__ = ["open_store", "remove_stale_temporaries"]

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_URL_AS_PATH = re.compile(r"([a-z][a-z0-9+.-]*):/([^/].*)", re.DOTALL)
"""What `pathlib.Path` makes of a URL: it takes two slashes for one."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
"""More than AWS allows today: other S3 servers, and old buckets, are less strict."""


def open_store(location: str | Path) -> BlobStore:
    """The checkpoint store at a place; nothing is made or changed there yet.

    Args:
        location: a directory, which need not exist, or ``s3://<bucket>/<prefix>``. For S3 the usual
            settings hold: AWS_ENDPOINT_URL, AWS_REGION, AWS_PROFILE, keys in the environment, the
            files in ~/.aws, or the role of the machine.

    Raises:
        UsageError: another scheme, no bucket, or S3 without the package s3fs.
        StoreError: the directory is a file, or cannot be looked at.
    """
    text = str(location)
    url = (_URL_AS_PATH if isinstance(location, Path) else _URL).fullmatch(text)
    if url is None:
        if not text.strip():
            raise UsageError("no checkpoint store named", remedy="give a directory or s3://…")
        return DirectoryStore(Path(location))
    scheme, place = url[1].lower(), url[2]
    if scheme != "s3":
        raise UsageError(
            f"checkpoints cannot be kept on {scheme}://",
            where=text,
            remedy="give a directory, or s3://<bucket>/<prefix>",
        )
    bucket, _, prefix = place.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(
            f"{bucket!r} is not the name of a bucket",
            where=text,
            remedy="write s3://<bucket>/<prefix>",
        )
    try:
        # Imported here: a directory needs none of the packages behind it.
        from virnucpro_core.store._s3_store import S3Store
    except ImportError as error:
        raise UsageError(
            f"S3 needs the package s3fs ({error})",
            where=text,
            remedy="run 'pip install s3fs', or give a directory",
        ) from error
    return S3Store(bucket, prefix)


def remove_stale_temporaries(store: BlobStore, *, older_than: float = 3600.0) -> int:
    """Remove what killed writers have left in a store, and return how many files that were.

    S3 has none: an object exists once its upload is complete.

    Args:
        older_than: seconds since the last write to such a file; longer than any put takes.

    Raises:
        StoreError: the store cannot be read or written.
    """
    if isinstance(store, DirectoryStore):
        return store.remove_stale_temporaries(older_than=older_than)
    return 0
