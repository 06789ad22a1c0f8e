"""A Hugging Face hub of a few files on this machine, as much of it as fetching a model needs."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def fake_hub(root: Path, *, cut: tuple[str, ...] = ()) -> Iterator[str]:
    """Serve ``<root>/<owner>/<name>/*`` as repositories; yields the address.

    Args:
        root: the folder.
        cut: repositories whose connection breaks off in the middle of the weights.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def _answer(self, *, with_body: bool) -> None:
            words = unquote(urlsplit(self.path).path).strip("/").split("/")
            if words[:2] == ["api", "models"]:
                repository, revision = "/".join(words[2:4]), words[-1]
                folder = root / repository
                if not folder.is_dir() or revision != REVISION:
                    self._missing(folder)
                    return
                files = [
                    {"type": "file", "path": p.name, "size": p.stat().st_size, "oid": _etag(p)}
                    for p in sorted(folder.iterdir())
                ]
                self._send(json.dumps(files).encode(), "application/json", with_body, {})
                return
            repository, file = "/".join(words[:2]), root / "/".join([*words[:2], *words[4:]])
            if not file.is_file():
                self._missing(file)
                return
            headers = {"ETag": f'"{_etag(file)}"', "X-Repo-Commit": REVISION}
            body = file.read_bytes()
            if with_body and repository in cut and file.suffix == ".safetensors":
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            self._send(body, "application/octet-stream", with_body, headers)

        def _missing(self, path: Path) -> None:
            code = "RevisionNotFound" if path.is_dir() else "RepoNotFound"
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, body: bytes, kind: str, with_body: bool, headers: dict[str, str]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _etag(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()
