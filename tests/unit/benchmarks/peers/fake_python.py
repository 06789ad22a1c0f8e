"""Stands in for a peer's Python: answers by the skew of A and T, or fails as it is told to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CALLS = Path(os.environ["FAKE_PEER_CALLS"])
MANNER = os.environ.get("FAKE_PEER_MANNER", "answers")


def main(windows: Path, answers: Path) -> None:
    with CALLS.open("a") as file:
        print(windows.stem, file=file)
    if MANNER == "lacks":
        print("No module named 'peer'", file=sys.stderr)
        sys.exit(3)
    if MANNER == "fails":
        print("Traceback …\nValueError: no such thing", file=sys.stderr)
        sys.exit(1)
    lines = windows.read_text().splitlines()
    rows = ["# seconds=0.5", "id\tscore\tprobability\tis_virus"]
    for name, letters in zip(lines[::2], lines[1::2], strict=True):
        if MANNER == "strange":
            name = ">other"
        skew = abs(letters.count("A") - letters.count("T")) / len(letters)
        if len(letters) > 150:
            rows.append(f"{name[1:]}\t{skew}\tNA\t{int(skew > 0.15)}")
    answers.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[3]), Path(sys.argv[4]))
