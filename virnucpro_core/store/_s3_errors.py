"""What went wrong on S3: whether to ask again, and how to say it in one line.

S3 answers with an error code; below that, botocore, aiohttp and the system each have exceptions of
their own for a connection that fails. Codes: S3 API reference, "Error responses".
"""

from __future__ import annotations

import asyncio

from aiohttp import ClientError as HttpError
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from virnucpro_core.errors import StoreError

__all__ = ["S3_ERRORS", "is_missing_blob", "is_transient", "s3_failure"]

_UNREACHABLE: tuple[type[Exception], ...] = (
    boto.HTTPClientError,
    boto.ConnectionError,
    boto.IncompleteReadError,
    boto.FlexibleChecksumError,
    ResponseParserError,
    HttpError,
    # Python 3.10 has two of them.
    TimeoutError,
    asyncio.TimeoutError,
    OSError,
)
S3_ERRORS: tuple[type[Exception], ...] = (
    *_UNREACHABLE,
    boto.BotoCoreError,
    boto.ClientError,
    # An address that is none, in AWS_ENDPOINT_URL.
    ValueError,
)
"""All that a request may raise."""

_NO_CREDENTIALS: tuple[type[Exception], ...] = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.MetadataRetrievalError,
    boto.ProfileNotFound,
    boto.SSOError,
)
_TRANSIENT_CODES = {
    "BadDigest",
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "XAmzContentSHA256Mismatch",
}
_REFUSED_CREDENTIALS = {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_DENIED = {"403", "AccessDenied", "AccountProblem", "AllAccessDisabled"}
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500

_CREDENTIALS_REMEDY = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or run where a role is given"
)


def is_missing_blob(error: Exception) -> bool:
    """Whether the bucket is there and the blob is not."""
    answer = _answer(error)
    return answer is not None and _code(answer) in {"NoSuchKey", "404"}


def is_transient(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    answer = _answer(error)
    if answer is None:
        return isinstance(error, _UNREACHABLE)
    status = _status(answer)
    return (
        status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR or _code(answer) in _TRANSIENT_CODES
    )


def s3_failure(error: Exception, *, bucket: str, where: str, tries: int) -> StoreError:
    """The one error for a request that has failed for good.

    Args:
        where: URL of the blob or prefix.
        tries: how many requests were made.
    """
    what, remedy = _explanation(error, bucket)
    if tries > 1:
        what = f"{what}, in each of {tries} tries"
    return StoreError(what, where=where, remedy=remedy)


def _explanation(error: Exception, bucket: str) -> tuple[str, str]:
    answer = _answer(error)
    if answer is None:
        return _explanation_without_answer(error)
    code, message = _code(answer), answer.response.get("Error", {}).get("Message", "")
    if code == "NoSuchBucket":
        return f"there is no bucket {bucket}", "make it, or check its name and AWS_ENDPOINT_URL"
    if code in _REFUSED_CREDENTIALS:
        return f"S3 does not accept the credentials ({code}: {message})", _CREDENTIALS_REMEDY
    if code in _DENIED:
        return (
            f"S3 denies access ({answer.operation_name})",
            f"allow s3:GetObject, PutObject, DeleteObject and ListBucket on bucket {bucket}",
        )
    if is_transient(error):
        return f"S3 does not cope ({code}: {message})", "start again later"
    return f"S3 refuses {answer.operation_name} ({code}: {message})", "check bucket and prefix"


def _explanation_without_answer(error: Exception) -> tuple[str, str]:
    if isinstance(error, _NO_CREDENTIALS):
        return f"there are no usable AWS credentials ({error})", _CREDENTIALS_REMEDY
    if isinstance(error, boto.FlexibleChecksumError):
        return (
            "the bytes that arrive are not those that were put",
            "check proxies on the way to S3, or delete this blob",
        )
    if isinstance(error, _UNREACHABLE):
        reason = str(error) or "time-out"
        return (
            f"S3 cannot be reached, or breaks off ({reason})",
            "check the network and AWS_ENDPOINT_URL, and start again",
        )
    return f"S3 cannot be used ({error})", "check AWS_ENDPOINT_URL, AWS_REGION and ~/.aws"


def _answer(error: BaseException) -> boto.ClientError | None:
    """What S3 itself has said; s3fs raises its own exceptions from it."""
    for candidate in (error, error.__cause__):
        if isinstance(candidate, boto.ClientError):
            return candidate
    return None


def _code(answer: boto.ClientError) -> str:
    return str(answer.response.get("Error", {}).get("Code", ""))


def _status(answer: boto.ClientError) -> int:
    return int(answer.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
