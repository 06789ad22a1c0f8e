"""Blobs as objects of an S3 bucket. Importing this module needs s3fs."""

from __future__ import annotations

import base64
import builtins
import hashlib
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import s3fs
from botocore.exceptions import ClientError
from fsspec.asyn import sync

from virnucpro_core.store._blobs import BlobInfo, check_name, check_prefix
from virnucpro_core.store._s3_errors import S3_ERRORS, is_missing_blob, is_transient, s3_failure

__all__ = ["Patience", "S3Store"]

_NAMES_PER_DELETE = 1000  # the most that S3 takes

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often S3 is asked, and how long it is waited for. Times are in seconds.

    Attributes:
        tries: requests before giving up.
        first_pause: between the first two; each later pause is twice as long.
        connect_timeout: for making a connection.
        read_timeout: for the next bytes of an answer.
        total: for one blob, or 1,000 names of a listing, all tries together.
    """

    tries: int = 5
    first_pause: float = 0.5
    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    total: float = 60.0


class S3Store:
    """A `BlobStore` below a prefix of a bucket, which must exist.

    A blob is one PUT with its SHA-256, which S3 checks before the object appears. s3fs and botocore
    are asked to try once: one place decides on all tries and their time.

    Args:
        bucket: its name.
        prefix: what all keys begin with, followed by a slash; may be empty.
        patience: how long to wait.
    """

    def __init__(self, bucket: str, prefix: str = "", *, patience: Patience = Patience()) -> None:
        self._bucket = bucket
        self._prefix = f"{stripped}/" if (stripped := prefix.strip("/")) else ""
        self._patience = patience
        region = os.environ.get("AWS_REGION")  # botocore reads only AWS_DEFAULT_REGION
        self._s3 = s3fs.S3FileSystem(
            client_kwargs={"region_name": region} if region else {},
            config_kwargs={
                "connect_timeout": patience.connect_timeout,
                "read_timeout": patience.read_timeout,
                "retries": {"total_max_attempts": 1},
                # Other S3 servers do not know the checksums that botocore adds by itself.
                "request_checksum_calculation": "when_required",
            },
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        self._s3.retries = 1

    @property
    def location(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def put(self, name: str, data: bytes) -> None:
        # Left to itself, botocore sends the digest after the bytes, which other S3 servers refuse.
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        self._ask(
            name,
            self._request,
            "put_object",
            Key=self._key(name),
            Body=data,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=digest,
        )

    def get(self, name: str) -> bytes | None:
        return self._ask(name, self._read, self._key(name))

    def get_range(self, name: str, start: int, n_bytes: int) -> bytes | None:
        span = f"bytes={start}-{start + n_bytes - 1}"
        return self._ask(name, self._read, self._key(name), Range=span)

    def list(self, prefix: str = "") -> builtins.list[BlobInfo]:
        key_prefix = self._prefix + check_prefix(prefix)
        blobs: builtins.list[BlobInfo] = []
        position: dict[str, str] = {}
        while True:
            page = self._ask(
                prefix, self._request, "list_objects_v2", Prefix=key_prefix, **position
            )
            blobs += [
                BlobInfo(
                    item["Key"].removeprefix(self._prefix),
                    item["Size"],
                    item["LastModified"].timestamp(),
                )
                for item in page.get("Contents", [])
                if not item["Key"].endswith("/")  # how S3 consoles mark an empty folder
            ]
            if not page.get("IsTruncated"):
                return sorted(blobs, key=lambda blob: blob.name)
            position = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, names: Iterable[str]) -> None:
        keys = iter([self._key(name) for name in names])
        while some := builtins.list(islice(keys, _NAMES_PER_DELETE)):
            self._ask("", self._remove, some)

    def _key(self, name: str) -> str:
        return self._prefix + check_name(name)

    async def _request(self, operation: str, **parameters: object) -> dict[str, Any]:
        answer: dict[str, Any] = await self._s3._call_s3(
            operation, Bucket=self._bucket, **parameters
        )
        return answer

    async def _read(self, key: str, **parameters: object) -> bytes | None:
        try:
            answer = await self._request("get_object", Key=key, **parameters)
        except S3_ERRORS as error:
            if is_missing_blob(error):
                return None
            raise
        async with answer["Body"] as body:
            data: bytes = await body.read()
        return data

    async def _remove(self, keys: Sequence[str]) -> None:
        objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        answer = await self._request("delete_objects", Delete=objects)
        # The request succeeds also where single keys could not be removed.
        for error in answer.get("Errors", []):
            raise ClientError({"Error": error}, "DeleteObjects")

    def _ask(
        self,
        name: str,
        request: Callable[..., Awaitable[_Answer]],
        *arguments: object,
        **parameters: object,
    ) -> _Answer:
        """Make a request until it succeeds, fails for good, or patience ends.

        Args:
            name: of the blob or prefix, for the message.

        Raises:
            StoreError: it has failed.
        """
        deadline = time.monotonic() + self._patience.total
        pause = self._patience.first_pause
        tries = 0
        while True:
            tries += 1
            try:
                # The whole request is bounded: a server that sends a byte now and then would never
                # reach the time-outs of the connection.
                seconds = max(deadline - time.monotonic(), 0.001)
                answer: _Answer = sync(
                    self._s3.loop, request, *arguments, timeout=seconds, **parameters
                )
                return answer
            except S3_ERRORS as error:
                over = tries == self._patience.tries or time.monotonic() + pause >= deadline
                if over or not is_transient(error):
                    raise s3_failure(
                        error,
                        bucket=self._bucket,
                        where=f"{self.location}/{name}".rstrip("/"),
                        tries=tries,
                    ) from error
            # Many tasks that were slowed down together must not all come back together.
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause *= 2
