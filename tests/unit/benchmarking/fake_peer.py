"""A worker for tests: answers as a contestant would, or misbehaves as it is told to."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

MANNER = sys.argv[1]


def prepared(request: dict[str, str]) -> bool:
    return Path(request["model"], "prepared").exists()


for line in sys.stdin:
    request = json.loads(line)
    command = request["command"]
    if command == "prepare":
        Path(request["model"], "prepared").touch()
        answer: dict[str, object] = {}
    elif MANNER == "wants-files" and command == "load" and not prepared(request):
        answer = {"error": "nothing was prepared"}
    elif MANNER == "fails-to-load" and command == "load":
        answer = {"error": "ModuleNotFoundError: No module named 'flash_attn'"}
    elif MANNER == "dies" and command == "run":
        print("the last thing it said", file=sys.stderr)
        os._exit(7)
    elif MANNER == "hangs" and command == "run":
        time.sleep(600)
    elif MANNER == "babbles":
        print("loading …", flush=True)
        continue
    elif command == "load":
        answer = {"seconds": 0.5, "precision": "fp32", "peak_rss": 10**9}
    elif command == "embed":
        answer = {
            "values": [[1.0, 0.0 if MANNER != "askew" else 1.0] for _ in request["sequences"]]
        }
    else:
        # Seconds per residue; "slow" is a hundred times as slow as "ours".
        factor = {"ours": 0.01, "slow": 1.0, "askew": 0.02}.get(MANNER, 0.03)
        answer = {"seconds": factor * sum(map(len, request["sequences"]))}
        if request["limit"]:
            answer |= {"limits": [4e9, 5e9], "linear": 10**9, "attention": 10**8, "n_tokens": 100}
    print(json.dumps(answer), flush=True)
