"""A proxy on this machine, in front of an S3 server, that does harm to requests as told."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Exchange(BaseHTTPRequestHandler):
    """One request at the proxy, in the words that a fault is written in."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        # The socket of a server that has been stopped is gone under this thread.
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def read_body(self) -> bytes:
        """The bytes of a request; S3 does nothing either where they break off."""
        body = self.rfile.read(self._length())
        if len(body) < self._length():
            raise ConnectionError("the client has left")
        return body

    def read_half_of_body(self) -> bytes:
        return self.rfile.read(self._length() // 2)

    def ask_server(self, body: bytes) -> Answer:
        connection = HTTPConnection(self.server.target)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
            if body or self.command in ("PUT", "POST"):
                headers["Content-Length"] = str(len(body))
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def pass_on(self) -> None:
        self.send(self.ask_server(self.read_body()))

    def send(self, answer: Answer, *, bytes_of_body: int | None = None) -> None:
        """Send an answer, or its head and the beginning of its body."""
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[:bytes_of_body])

    def hang_up(self) -> None:
        """End the connection as if all had been said."""
        self.close_connection = True

    def reset(self) -> None:
        """End the connection as a machine does that has no memory of it."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def wait_for_client_to_leave(self) -> None:
        self.close_connection = True
        while self.connection.recv(1 << 16):
            continue

    def _length(self) -> int:
        return int(self.headers.get("Content-Length", 0))

    def do_GET(self) -> None:
        fault = self.server.next_fault(self.command)
        if fault is None:
            self.pass_on()
        else:
            fault(self)

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()


Fault = Callable[[Exchange], None]


class _Server(ThreadingHTTPServer):
    def __init__(self, port: int, target: str, next_fault: Callable[[str], Fault | None]) -> None:
        super().__init__(("127.0.0.1", port), Exchange)
        self.target = target
        self.next_fault = next_fault
        self._connections: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        # Clients that were killed or have given up.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            # Wakes the thread that waits for the next request of this connection.
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was quicker


class FaultyProxy:
    """Passes requests on to ``target`` (host:port).

    Attributes:
        address: URL for clients; the same after `start` as before `stop`.
        injected: how many faults were done.
    """

    def __init__(self, target: str) -> None:
        self.injected = 0
        self._target = target
        self._faults: deque[tuple[str, Fault]] = deque()
        self._lasting: tuple[str, Fault] | None = None
        self._server: _Server | None = None
        self._port = 0
        self.start()
        self.address = f"http://127.0.0.1:{self._port}"

    def harm(self, method: str, *faults: Fault) -> None:
        """Do these to the next requests of that method, in this order."""
        self._faults.extend((method, fault) for fault in faults)

    def harm_always(self, method: str, fault: Fault) -> None:
        self._lasting = (method, fault)

    def start(self) -> None:
        self._server = _Server(self._port, self._target, self._next_fault)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _next_fault(self, method: str) -> Fault | None:
        if self._faults and self._faults[0][0] == method:
            fault = self._faults.popleft()[1]
        elif self._lasting and self._lasting[0] == method:
            fault = self._lasting[1]
        else:
            return None
        self.injected += 1
        return fault


@contextmanager
def faulty_proxy(target: str) -> Iterator[FaultyProxy]:
    """A proxy in front of the server at the URL ``target``."""
    proxy = FaultyProxy(urlsplit(target).netloc)
    try:
        yield proxy
    finally:
        proxy.stop()


def error_answer(status: int, code: str) -> Fault:
    """S3 says no, after it has read the request."""

    def fault(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(_error(status, code))

    return fault


def bare_answer(status: int) -> Fault:
    """Something between here and S3 says no, and not in XML."""

    def fault(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(Answer(status, [("Content-Type", "text/html")], b"<h1>Bad gateway"))

    return fault


def reset_in_request(exchange: Exchange) -> None:
    exchange.read_half_of_body()
    exchange.reset()


def reset_before_answer(exchange: Exchange) -> None:
    """S3 has done it, but the client does not hear of it."""
    exchange.ask_server(exchange.read_body())
    exchange.reset()


def reset_in_answer(exchange: Exchange) -> None:
    answer = exchange.ask_server(exchange.read_body())
    exchange.send(answer, bytes_of_body=len(answer.body) // 2)
    exchange.reset()


def truncated_answer(exchange: Exchange) -> None:
    answer = exchange.ask_server(exchange.read_body())
    exchange.send(answer, bytes_of_body=len(answer.body) // 2)
    exchange.hang_up()


def silence(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.wait_for_client_to_leave()


def stall_in_answer(exchange: Exchange) -> None:
    answer = exchange.ask_server(exchange.read_body())
    exchange.send(answer, bytes_of_body=len(answer.body) // 2)
    exchange.wait_for_client_to_leave()


def trickle(exchange: Exchange) -> None:
    """An answer of which a byte comes now and then, until the client leaves."""
    exchange.read_body()
    exchange.connection.settimeout(0.05)
    exchange.send(Answer(200, [], bytes(1 << 20)), bytes_of_body=0)
    exchange.close_connection = True
    while True:
        exchange.wfile.write(b"x")
        try:
            if not exchange.connection.recv(1):
                return
        except TimeoutError:
            continue


def flip_bit_of_request(exchange: Exchange) -> None:
    body = _flipped(exchange.read_body())
    promised = exchange.headers["x-amz-checksum-sha256"]
    # S3 compares them; the server behind this proxy does not.
    if promised and base64.b64decode(promised) != hashlib.sha256(body).digest():
        exchange.send(_error(400, "BadDigest"))
    else:
        exchange.send(exchange.ask_server(body))


def flip_bit_of_answer(exchange: Exchange) -> None:
    answer = exchange.ask_server(exchange.read_body())
    exchange.send(Answer(answer.status, answer.headers, _flipped(answer.body)))


def _error(status: int, code: str) -> Answer:
    body = f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode()
    return Answer(status, [("Content-Type", "application/xml")], body)


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
