"""Mutate inputs at random, read each, and tell which end neither in the right result nor in one
line."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.run import make_case, run_case
from tests.fuzz.workers import run_cases


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of all of them")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--only", type=int, help="the number of the one case to run, here")
    parser.add_argument("--keep", type=Path, help="with --only: a folder for its files")
    given = parser.parse_args()
    if given.only is not None:
        if given.keep:
            given.keep.mkdir(parents=True, exist_ok=True)
            print(make_case(given.seed, given.only, given.keep))
        print(run_case(given.seed, given.only))
        return 0
    started = time.monotonic()
    endings: Counter[str] = Counter()
    wrong = []
    for outcome in run_cases(given.seed, range(given.cases), given.workers):
        kind = outcome.label.partition(":")[0]
        endings[f"{kind}: exit code {outcome.code}"] += 1
        if outcome.wrong:
            wrong.append(outcome)
            print(outcome, flush=True)
    for ending, count in sorted(endings.items()):
        print(f"{count:6} {ending}")
    seconds = time.monotonic() - started
    print(f"{sum(endings.values())} cases, {len(wrong)} wrong, {seconds:.0f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
