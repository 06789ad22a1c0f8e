"""Disturb runs, count those whose results are identical, and print a table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.faults import embed_tool, pipeline
from tests.faults.outcome import Outcome, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--tool-runs", type=int, default=40, help="of the embedding tool")
    parser.add_argument("--pipeline-runs", type=int, default=8, help="of the whole pipeline")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--folder", type=Path, help="to work in; a temporary one by default")
    given = parser.parse_args()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        for rooms, count in ((embed_tool, given.tool_runs), (pipeline, given.pipeline_runs)):
            if not count:
                continue
            world = rooms.make_world(folder / rooms.__name__.rpartition(".")[2])
            kinds = [kind for kind in rooms.KINDS if given.only in kind]
            for number in range(count):
                kind = kinds[number % len(kinds)]
                outcomes.append(rooms.disturb(world, kind, given.seed + number))
                print(outcomes[-1], flush=True)
    print()
    print(table(outcomes))
    return int(any(outcome.wrong for outcome in outcomes))


sys.exit(main())
