"""Samples to call: reads prepared for real, with scores made up."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from virnucpro_core._frame_rule import FrameRule
from virnucpro_core.calling import Calibration, frame_scores
from virnucpro_core.models import Reliability
from virnucpro_core.sequences import PrepareSettings, ReadFiles, prepare
from virnucpro_core.store import FrameScores, RecordTable, read_scores, read_shard, write_scores

BUNDLE = "b" * 64
WINDOW = 60

# No frame of these 60 bases is free of stops.
ALL_STOPS = "ATTACCGTAATCTACTATTAAGTCACAACCAAACAATGGATTAATTTCTTAGTTGGAATC"

Record = tuple[str, str]  # whole header, sequence


@dataclass(frozen=True)
class Frame:
    """A scored frame as a test sees it; the scores are text as in the result file."""

    id: str
    chunk_length: int
    score1: str
    score2: str


@dataclass(frozen=True)
class Sample:
    """A prepared and scored sample."""

    reads: Path | ReadFiles
    records: RecordTable
    score_paths: list[Path]
    frames: list[Frame]


def random_records(n_records: int, seed: int) -> list[Record]:
    """Reads of 0 to 400 bases, some of them not scorable, most with a description."""
    rng = random.Random(seed)
    records = []
    for number in range(n_records):
        length = rng.choice([0, 1, 2, 3, 59, 60, 61, rng.randint(1, 400), rng.randint(60, 400)])
        sequence = "".join(rng.choice("ACGGCCacgt") for _ in range(length))
        if rng.random() < 0.1:
            sequence = ALL_STOPS
        name = f"{rng.choice(['z', 'A', 'contig_1', 'a_chunk_'])}{number}"
        records.append((name if number % 3 else f"{name} some  text=1", sequence))
    return records


def stop_free(n_bases: int, seed: int = 0) -> str:
    """Bases of which all six frames are free of stops: for those it takes a T, forward or back."""
    return "".join(random.Random(seed).choices("ACG", k=n_bases))


def random_scores(n_frames: int, seed: int) -> np.ndarray:
    """float32 [n, 2] that sum to 1, with ties and with very small numbers among them."""
    rng = np.random.default_rng(seed)
    virus = rng.random(n_frames, dtype=np.float32)
    virus[rng.random(n_frames) < 0.3] = 0.5
    virus[rng.random(n_frames) < 0.1] = 1e-7
    return np.stack([np.float32(1) - virus, virus], axis=1)


def make_sample(
    folder: Path,
    records: Sequence[Record],
    *,
    shard_frames: int = 200,
    seed: int = 1,
    scores: np.ndarray | None = None,
    calibration: Calibration | None = None,
    reads_name: str = "reads.fasta",
    frame_rule: FrameRule = "complete",
    trained_rule: FrameRule = "complete",
    reliability: Reliability | None = None,
) -> Sample:
    """Prepare ``records`` and give their frames ``scores``, or random ones.

    Scores go by the frame's place in the sample, so they do not depend on ``shard_frames``. A FASTQ
    gets qualities that differ from read to read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reads = folder / reads_name
    is_fastq = reads.suffix == ".fastq"
    reads.write_text("".join((fastq if is_fastq else fasta)(*record) for record in records))
    settings = PrepareSettings("s", WINDOW, shard_frames, frame_rule)
    summary = prepare(reads, folder, settings)
    if scores is None:
        scores = random_scores(summary.n_frames, seed)
    assert len(scores) == summary.n_frames
    paths, frames, first = [], [], 0
    for shard_path in summary.shards:
        shard = read_shard(shard_path)
        mine = scores[first : first + len(shard)].astype(np.float32)
        first += len(shard)
        path = folder / f"{shard.index}.scores.h5"
        scored = frame_scores(
            shard,
            mine,
            bundle_sha256=BUNDLE,
            calibration=calibration,
            trained_rule=trained_rule,
            reliability=reliability,
        )
        write_scores(scored, path)
        paths.append(path)
        rows = zip(shard.frame_ids(), shard.chunk_length.tolist(), mine, strict=True)
        frames += [Frame(name, length, str(s[0]), str(s[1])) for name, length, s in rows]
    return Sample(reads, RecordTable.open(folder / "s.records.h5"), paths, frames)


def fasta(name: str, sequence: str) -> str:
    """A record as it stands in the viral FASTA."""
    return f">{name}\n{sequence}\n"


def fastq(name: str, sequence: str) -> str:
    """A record with qualities made of its name, as it stands in the viral FASTQ."""
    quality = (name.replace(" ", "!") * (len(sequence) // len(name) + 1))[: len(sequence)]
    return f"@{name}\n{sequence}\n+\n{quality}\n"


def edit_scores(path: Path, **changes: object) -> FrameScores:
    """Write the score file ``path`` again with some of its fields changed."""
    scores = replace(read_scores(path), **changes)  # type: ignore[arg-type]
    write_scores(scores, path)
    return scores
