"""The rules of the result files in plain Python, written apart from the package.

The classic files follow VirNucPro's ``prediction.py``: scores are printed, read back, grouped by
the frame's id without its last two characters, and a group is a virus when the largest second
score is at least the largest first one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from tests.unit.calling.samples import Frame, Record


def frame_file(frames: Iterable[Frame]) -> str:
    """``prediction_results.txt``."""
    lines = ["Sequence_ID\tPrediction\tscore1\tscore2"]
    for frame in frames:
        predicted = 0
        if float(frame.score2) > float(frame.score1):  # argmax: the first of two equal ones
            predicted = 1
        lines.append(
            f"{frame.id}\t{['others', 'virus'][predicted]}\t{frame.score1}\t{frame.score2}"
        )
    return "\n".join(lines) + "\n"


def is_virus(frames: Iterable[Frame]) -> dict[str, bool]:
    """VirNucPro's verdict on every chunk."""
    groups: dict[str, list[Frame]] = {}
    for frame in frames:
        groups.setdefault(frame.id[:-2], []).append(frame)
    return {
        name: max(float(f.score2) for f in group) >= max(float(f.score1) for f in group)
        for name, group in groups.items()
    }


def chunk_file(frames: Sequence[Frame]) -> str:
    """``prediction_results_highestscore.csv``."""
    lines = ["Modified_ID\tIs_Virus\tmax_score_0\tmax_score_1"]
    for name, virus in sorted(is_virus(frames).items()):
        mine = [f for f in frames if f.id[:-2] == name]
        score1 = max((f.score1 for f in mine), key=float)
        score2 = max((f.score2 for f in mine), key=float)
        lines.append(f"{name}\t{virus}\t{score1}\t{score2}")
    return "\n".join(lines) + "\n"


def record_scores(records: Iterable[Record], frames: Sequence[Frame]) -> dict[str, float | None]:
    """Virus score of every record by id; None where it is not scorable."""
    chunks: dict[str, list[Frame]] = {}
    for frame in frames:
        chunks.setdefault(frame.id[:-2], []).append(frame)
    sums: dict[str, list[float]] = {}
    for name, group in chunks.items():
        largest1 = max(float32(f.score1) for f in group)
        largest2 = max(float32(f.score2) for f in group)
        total = sums.setdefault(name.rpartition("_chunk_")[0], [0.0, 0.0])
        total[0] += largest2 / (largest1 + largest2) * group[0].chunk_length
        total[1] += group[0].chunk_length
    ids = [name.split()[0] for name, _ in records]
    return {name: sums[name][0] / sums[name][1] if name in sums else None for name in ids}


def float32(text: str) -> float:
    """The float32 number that ``text`` is the shortest name of."""
    return struct.unpack("f", struct.pack("f", float(text)))[0]
