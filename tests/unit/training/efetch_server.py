"""An HTTP server on loopback that answers as NCBI's efetch does, and can be made to fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class EfetchServer:
    """What it knows and what it was asked.

    Attributes:
        records: accession with version to its text.
        faults: what the next requests get in place of an answer, first to last: a status, "cut"
            (fewer bytes than announced), "drop" (no answer), a text that is sent as a web page, or
            a status with its text.
        refuses_unknown: whether a request with an unknown accession is refused as a whole; it is
            answered without that record otherwise.
        requests: parameters of all requests.
        address: what stands before ``/efetch.fcgi``.
    """

    records: dict[str, str]
    faults: list[int | str | tuple[int, str]] = field(default_factory=list)
    refuses_unknown: bool = False
    requests: list[dict[str, str]] = field(default_factory=list)
    address: str = ""

    def asked(self) -> list[str]:
        """The accessions of each request."""
        return [request["id"] for request in self.requests]

    def find(self, name: str) -> str | None:
        """The record of an accession with or without version."""
        versions = [v for v in self.records if v == name or v.rpartition(".")[0] == name]
        return self.records[versions[-1]] if versions else None


@contextmanager
def efetch_server(records: dict[str, str]) -> Iterator[EfetchServer]:
    """Serve ``records`` while the block runs."""
    state = EfetchServer(records)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    state.address = f"http://127.0.0.1:{server.server_port}/entrez/eutils"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(state: EfetchServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self, query: str) -> None:
            assert urlsplit(self.path).path == "/entrez/eutils/efetch.fcgi"
            request = {name: values[0] for name, values in parse_qs(query).items()}
            state.requests.append(request)
            names = request["id"].split(",")
            found = [text for name in names if (text := state.find(name)) is not None]
            fault = state.faults.pop(0) if state.faults else None
            body = ("\n".join(found) + "\n").encode()
            if fault == "drop":
                return
            if isinstance(fault, int):
                self._send(fault, b"busy", "text/plain", {"Retry-After": "7"})
            elif isinstance(fault, tuple):
                self._send(fault[0], fault[1].encode(), "application/json", {})
            elif fault == "cut":
                self._send(200, body[: len(body) // 2], "text/plain", {}, length=len(body))
            elif fault is not None:
                self._send(200, fault.encode(), "text/html", {})
            elif state.refuses_unknown and len(found) < len(names):
                self._send(400, b"Failed to retrieve sequence", "text/plain", {})
            else:
                self._send(200, body, "text/plain", {})

        def _send(
            self, status: int, body: bytes, kind: str, headers: dict[str, str], length: int = -1
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler
