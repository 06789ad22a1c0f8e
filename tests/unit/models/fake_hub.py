"""A Hugging Face hub of a few files on this machine, as much of it as fetching a model needs."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from virnucpro_core.models import PUBLISHED_MODELS

REVISION = "0123456789abcdef0123456789abcdef01234567"
_REVISIONS = {REVISION, *(model.revision for model in PUBLISHED_MODELS.values())}


@dataclass
class FakeHub:
    """A hub that is running, and what goes wrong with it.

    Attributes:
        address: where it listens, for HF_ENDPOINT.
        cuts: by repository, how many of the next connections break off in the middle of the
            weights, wherever they began.
        altered: repositories whose weights arrive with a wrong byte.
        failing: repositories that are answered with this HTTP status.
        asked: what bodies were asked for: path and first byte.
    """

    address: str = ""
    cuts: dict[str, int] = field(default_factory=dict)
    altered: set[str] = field(default_factory=set)
    failing: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)


@contextmanager
def fake_hub(root: Path) -> Iterator[FakeHub]:
    """Serve ``<root>/<owner>/<name>/*`` as repositories, weights as the hub's large files."""
    hub = FakeHub()

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
                self._list("/".join(words[2:4]), words[-1], with_body)
            else:
                self._serve("/".join(words[:2]), words[3], "/".join(words[4:]), with_body)

        def _list(self, repository: str, revision: str, with_body: bool) -> None:
            folder = root / repository
            if repository in hub.failing:
                self._send(hub.failing[repository], b"", with_body, {})
            elif not folder.is_dir() or revision not in _REVISIONS:
                self._missing(folder)
            else:
                files = [_entry(path) for path in sorted(folder.iterdir())]
                kind = {"Content-Type": "application/json"}
                self._send(200, json.dumps(files).encode(), with_body, kind)

        def _serve(self, repository: str, revision: str, name: str, with_body: bool) -> None:
            path = root / repository / name
            if not path.is_file():
                self._missing(path)
                return
            body = path.read_bytes()
            headers = {"X-Repo-Commit": revision, "ETag": f'"{_etag(path)}"'}
            if _is_large(path):
                headers |= {
                    "X-Linked-Etag": f'"{_etag(path)}"',
                    "X-Linked-Size": str(len(body)),
                }
                if repository in hub.altered:
                    body = body[:-1] + bytes([body[-1] ^ 1])
            first = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(first[1]) if first else 0
            if with_body:
                hub.asked.append((f"{repository}/{name}", start))
            status, part = 200, body
            if first:
                status, part = 206, body[start:]
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            n_sent = len(part)
            if with_body and _is_large(path) and hub.cuts.get(repository, 0) > 0:
                hub.cuts[repository] -= 1
                n_sent = max(len(body) // 2 - start, 0)
                self.close_connection = True
            self._send(status, part, with_body, headers, n_sent)

        def _missing(self, path: Path) -> None:
            code = "RevisionNotFound" if path.is_dir() else "RepoNotFound"
            self._send(404, b"", False, {"X-Error-Code": code})

        def _send(
            self,
            status: int,
            body: bytes,
            with_body: bool,
            headers: dict[str, str],
            n_sent: int | None = None,
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body[:n_sent])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _is_large(path: Path) -> bool:
    return path.suffix in (".safetensors", ".bin")


def _etag(path: Path) -> str:
    """What the hub calls a file by: of large ones the SHA-256."""
    content = path.read_bytes()
    return (hashlib.sha256(content) if _is_large(path) else hashlib.sha1(content)).hexdigest()


def _entry(path: Path) -> dict[str, object]:
    """A file as the hub lists it."""
    size = path.stat().st_size
    entry: dict[str, object] = {"type": "file", "path": path.name, "size": size, "oid": "0" * 40}
    if _is_large(path):
        entry["lfs"] = {"oid": _etag(path), "size": size, "pointerSize": 130}
    return entry
