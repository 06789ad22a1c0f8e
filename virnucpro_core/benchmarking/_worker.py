"""A contestant in a process of its own, told what to do in lines of JSON.

``prepare`` writes what only this contestant needs; ``load`` answers with the seconds it took, the
number format and the peak memory; ``run`` with the seconds; ``embed`` with the embeddings;
``shards`` with a SHA-256 of the embeddings of each list of sequences. What fails is answered with
``error``, and the process goes on. Libraries print what they like: it goes to standard error, only
answers to standard output.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from virnucpro_core.benchmarking._contestant import Contestant
from virnucpro_core.benchmarking._our_contestants import Ours, PaddedDna
from virnucpro_core.benchmarking._peer_contestants import (
    EsmCpp,
    EsmEfficient,
    Faesm,
    FairEsm,
    Transformers,
)
from virnucpro_core.benchmarking._timing import seconds_of

__all__ = ["CONTESTANTS", "main"]

CONTESTANTS: Mapping[str, type[Contestant]] = MappingProxyType(
    {
        "virnucpro": Ours,
        "padded-dnabert": PaddedDna,
        "fair-esm": FairEsm,
        "transformers": Transformers,
        "faesm": Faesm,
        "esm-efficient": EsmEfficient,
        "esm-cpp": EsmCpp,
    }
)


def main() -> None:
    """Answer the lines of standard input until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    contestant = CONTESTANTS[sys.argv[1]]()
    for line in sys.stdin:
        try:
            answer = _answer(contestant, json.loads(line))
        except MemoryError:
            answer = {"error": "not enough memory"}
        except Exception as error:  # whatever a peer raises is its result
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(contestant: Contestant, request: dict[str, Any]) -> dict[str, Any]:
    if request["command"] == "load":
        return _load(contestant, request)
    if request["command"] == "prepare":
        if isinstance(contestant, EsmCpp):
            contestant.prepare(Path(request["model"]), request.get("options", {}))
        return {}
    if request["command"] == "shards":
        shards = [contestant.embed(shard) for shard in request["shards"]]
        return {"sha256": [hashlib.sha256(values.tobytes()).hexdigest() for values in shards]}
    sequences: list[str] = request["sequences"]
    if request["command"] == "embed":
        return {"values": contestant.embed(sequences).tolist()}
    if not (isinstance(contestant, Ours) and request.get("limit")):
        return {"seconds": _seconds(contestant, request)}
    work, n_tokens = contestant.work(sequences)
    before = contestant.limit(n_tokens)
    seconds = _seconds(contestant, request)
    return {
        "seconds": seconds,
        "limits": [before, contestant.limit(n_tokens)],
        "n_tokens": n_tokens,
        "linear": work.linear,
        "attention": work.attention,
    }


def _seconds(contestant: Contestant, request: dict[str, Any]) -> float:
    options = request.get("options", {})
    return seconds_of(lambda: contestant.run(request["sequences"], options))


def _load(contestant: Contestant, request: dict[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    precision = contestant.load(Path(request["model"]), request.get("options", {}))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "precision": precision, "peak_rss": _peak_rss()}


def _peak_rss() -> int | None:
    """Bytes; None where the system does not say. `getrusage` would count the parent's as well."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


if __name__ == "__main__":
    main()
