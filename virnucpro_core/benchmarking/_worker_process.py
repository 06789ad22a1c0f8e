"""The measuring side of a worker: requests with a time limit."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Mapping
from typing import Any, cast

from virnucpro_core.errors import VirnucproError

__all__ = ["WorkerProcess"]

_CLOSE_SECONDS = 5


class WorkerProcess:
    """A process that answers one line of JSON with one line of JSON.

    Args:
        command: the program.
        n_threads: threads it may compute with.
    """

    def __init__(self, command: list[str], n_threads: int) -> None:
        threads = {
            name: str(n_threads)
            for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "ESM_NUM_THREADS")
        }
        offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **threads, **offline},
        )
        self._rest = b""

    def ask(self, request: Mapping[str, object], timeout: float) -> dict[str, Any]:
        """Send ``request`` and wait for its answer.

        Raises:
            VirnucproError: the worker reported an error, ended, or took longer than ``timeout``
                seconds, after which it is ended.
        """
        self.send(request)
        return self.answer(timeout)

    def send(self, request: Mapping[str, object]) -> None:
        """Send ``request`` without waiting."""
        if self._process.stdin is None:
            raise AssertionError("the pipe was asked for")
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise VirnucproError(f"ended ({self._last_words()})") from error

    def answer(self, timeout: float) -> dict[str, Any]:
        """Wait for the answer to what was sent; raises as `ask` does."""
        line = self._line(time.monotonic() + timeout, timeout)
        try:
            answer = cast(dict[str, Any], json.loads(line))
        except ValueError as error:
            raise VirnucproError(f"answered {line[:80]!r}, which is not JSON") from error
        if "error" in answer:
            raise VirnucproError(str(answer["error"]))
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def _line(self, deadline: float, timeout: float) -> str:
        if self._process.stdout is None:
            raise AssertionError("the pipe was asked for")
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self._process.kill()
                    raise VirnucproError(f"gave no answer within {timeout:.0f} s")
                block = os.read(self._process.stdout.fileno(), 1 << 16)
                if not block:
                    raise VirnucproError(f"ended ({self._last_words()})")
                self._rest += block
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode("utf-8", "replace")

    def _last_words(self) -> str:
        code = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        return f"code {code}, {last}"
