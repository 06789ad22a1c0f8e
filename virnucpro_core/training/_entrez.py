"""Asking NCBI's efetch for records, through Biopython's client."""

from __future__ import annotations

import http.client
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.training._extras import import_extra

__all__ = ["FORMATS", "EntrezClient", "RefusedError"]

FORMATS = {"genbank": ("gbwithparts", b"LOCUS "), "fasta": ("fasta", b">")}
"""Format to NCBI's ``rettype`` and the first letters of an answer."""

_WAITS = (2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt, unless the server names a longer time."""

_LONGEST_WAIT = 60.0
_TIMEOUT = 120.0
"""Seconds without a byte after which a connection is taken to be lost."""


class RefusedError(Exception):
    """NCBI does not know, or does not give, what was asked for; the text is its own."""


class _NoRecordError(Exception):
    """The server answered with something else than records."""


# What another attempt can mend. An error of the disk that is written to is not among them.
_PASSING = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
    _NoRecordError,
)


class EntrezClient:
    """Fetches records of the database of nucleotides.

    Biopython keeps NCBI's limit of requests a second (3, or 10 with a key). What can pass by is
    tried again with growing waits: too many requests, faults of the server, cut connections, and
    web pages in place of records.

    Args:
        email: of the user, whom NCBI may want to write to before it locks somebody out.
        api_key: of the user's account at NCBI, or None.
        server: address of the E-utilities, or None for NCBI's own.
        sleep: what waits.

    Raises:
        UsageError: Biopython is not installed, or an option makes no sense.
    """

    def __init__(
        self,
        *,
        email: str,
        api_key: str | None,
        server: str | None,
        sleep: Callable[[float], None],
    ) -> None:
        if "@" not in email:
            raise UsageError(f"{email!r} is no e-mail address", remedy="NCBI asks for yours")
        if server is not None and not server.startswith(("http://", "https://")):
            raise UsageError(f"{server!r} is no address of a server", remedy="begin with https://")
        self._entrez = import_extra("Bio.Entrez")
        self._email = email
        self._api_key = api_key
        self._server = server
        self._sleep = sleep

    def fetch(self, accessions: list[str], file_format: str, path: Path) -> None:
        """Write the records of ``accessions``, as NCBI gives them, to ``path``.

        Raises:
            RefusedError: NCBI will not give them, which another attempt will not change.
            InputError: there was no whole answer in several attempts.
        """
        waits = [*_WAITS, None]
        for wait in waits:
            try:
                return self._attempt(accessions, file_format, path)
            except urllib.error.HTTPError as error:
                with error:
                    text = _excerpt(error.read(2_000))
                if error.code not in (408, 429) and error.code < 500:
                    self._refuse(error.code, text)
                failure: Exception = error
                asked = error.headers.get("Retry-After", "")
                wait = wait and max(
                    wait, min(float(asked) if asked.isdigit() else 0, _LONGEST_WAIT)
                )
            except _PASSING as error:
                failure = error
            if wait is not None:
                self._sleep(wait)
        reason = getattr(failure, "reason", None) or failure
        raise InputError(
            f"no whole answer in {len(waits)} attempts ({type(failure).__name__}: {reason})",
            where=f"NCBI ({self._server})" if self._server else "NCBI",
            remedy="check the network and try again; what has come is kept",
        ) from failure

    def _attempt(self, accessions: list[str], file_format: str, path: Path) -> None:
        rettype, start = FORMATS[file_format]
        with self._configured():
            answer = self._entrez.efetch(
                db="nuccore", id=",".join(accessions), rettype=rettype, retmode="text"
            )
        with answer, path.open("wb") as file:
            # Biopython puts a decoder around plain text; the bytes are wanted as they are.
            response = getattr(answer, "buffer", answer)
            shutil.copyfileobj(response, file)
            # Reading in pieces does not tell of an answer that is shorter than was announced.
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
        with path.open("rb") as file:
            head = file.read(2_000)
            file.seek(max(0, path.stat().st_size - 100))
            tail = file.read()
        if file_format == "genbank" and head.strip() and not tail.rstrip().endswith(b"\n//"):
            raise _NoRecordError(f"an answer that ends within a record, or none: {_excerpt(head)}")
        if head.strip() and not head.lstrip().startswith(start):
            raise _NoRecordError(f"an answer that is no {file_format}: {_excerpt(head)}")

    def _refuse(self, code: int, text: str) -> None:
        if "api key" in text.lower() or "api_key" in text.lower():
            raise UsageError(f"NCBI refuses the API key ({text})", remedy="check --api-key")
        raise RefusedError(f"HTTP {code}: {text}")

    @contextmanager
    def _configured(self) -> Iterator[None]:
        """Biopython's settings, which are of the whole process, for one request."""
        wanted: dict[str, Any] = {
            "email": self._email,
            "api_key": self._api_key,
            "tool": "virnucpro",
            "max_tries": 1,  # attempts are counted here, where cut answers are seen too
        }
        before = {name: getattr(self._entrez, name) for name in wanted}
        urllib.request.install_opener(urllib.request.build_opener(_Server(self._server)))
        try:
            for name, value in wanted.items():
                setattr(self._entrez, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(self._entrez, name, value)
            urllib.request.install_opener(urllib.request.build_opener())


class _Server(urllib.request.BaseHandler):
    """Gives Biopython's requests a time limit and, if wanted, another server.

    Args:
        server: address that takes the place of all before ``/efetch.fcgi``, or None.
    """

    handler_order = 100  # before the handler that writes the header with the host's name

    def __init__(self, server: str | None) -> None:
        self._server = server

    def https_request(self, request: urllib.request.Request) -> urllib.request.Request:
        request.timeout = _TIMEOUT
        if self._server is not None:
            program = request.full_url.rpartition("/eutils/")[2]
            request.full_url = f"{self._server.rstrip('/')}/{program}"
        return request


def _excerpt(content: bytes) -> str:
    return " ".join(content.decode("utf-8", "replace").split())[:120]
