"""Records drawn from labelled genomes, and what a bundle says of them.

Shape letters: ``R`` records.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dnaio
import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from virnucpro_core.calling import Calibration
from virnucpro_core.cli import main as virnucpro
from virnucpro_core.models import Bundle
from virnucpro_core.training import encoder_genomes

__all__ = [
    "Genome",
    "ScoredRecords",
    "draw_records",
    "read_genomes",
    "score_records",
    "seen_groups",
]

COLUMNS = ("file", "label", "group", "kind")
_COMPLEMENT = str.maketrans("ACGT", "TGCA")
_MOST_FRAMES = 10_000_000


@dataclass(frozen=True, slots=True)
class Genome:
    """A row of the sheet.

    Attributes:
        file: FASTA, plain or compressed.
        is_virus: whether its label is virus.
        group: family or other kin.
        kind: what else belongs together: the kingdom of hosts.
        is_seen: whether the bundle was trained on, or calibrated with, its group.
    """

    file: Path
    is_virus: bool
    group: str
    kind: str
    is_seen: bool


@dataclass(frozen=True, slots=True)
class ScoredRecords:
    """``R`` records of one length.

    Attributes:
        evidence: float64 [R], log likelihood ratio of virus to other; NaN where nothing was scored.
        scored_length: int64 [R], bases in scored windows.
        is_virus, is_seen: bool [R].
        group, kind: str [R].
    """

    evidence: NDArray[np.float64]
    scored_length: NDArray[np.int64]
    is_virus: NDArray[np.bool_]
    is_seen: NDArray[np.bool_]
    group: NDArray[np.str_]
    kind: NDArray[np.str_]

    def of(self, rows: NDArray[np.bool_]) -> ScoredRecords:
        """The records of some rows, a mask."""
        return ScoredRecords(*(getattr(self, name)[rows] for name in self.__slots__))

    def save(self, path: Path) -> None:
        """Write all columns as an ``.npz``."""
        np.savez_compressed(path, **{name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def load(cls, path: Path) -> ScoredRecords:
        """Read what `save` wrote."""
        with np.load(path) as columns:
            return cls(*(columns[name] for name in cls.__slots__))


def seen_groups(bundle: Bundle) -> set[str]:
    """Groups that the bundle says its classifier, calibration or encoders were fitted on."""
    genomes = bundle.spec.training.get("genomes", {})
    rows = [*encoder_genomes(bundle), *genomes.get("train", []), *genomes.get("validation", [])]
    return {str(row["group"]) for row in rows if "group" in row}


def read_genomes(sheet: Path, seen: set[str]) -> list[Genome]:
    """The rows of a sheet. One that cannot be used ends the program with a line.

    Args:
        sheet: CSV with the columns file (relative to it), label (virus or others), group and kind,
            and, if wanted, seen (yes or no).
        seen: groups that count as seen where there is no such column.
    """
    with sheet.open(newline="") as lines:
        reader = csv.DictReader(lines)
        lacking = set(COLUMNS) - set(reader.fieldnames or ())
        if lacking:
            raise SystemExit(f"error: {sheet} lacks the columns {', '.join(sorted(lacking))}")
        genomes = []
        for number, row in enumerate(reader, start=2):
            told = row.get("seen") or ("yes" if row["group"] in seen else "no")
            if row["label"] not in ("virus", "others") or told not in ("yes", "no"):
                raise SystemExit(
                    f"error: {sheet}, line {number}: label is virus or others, seen is yes or no"
                )
            file = sheet.parent / row["file"]
            if not file.is_file():
                raise SystemExit(f"error: {sheet}, line {number}: there is no file {file}")
            group = row["group"] or file.name
            genomes.append(Genome(file, row["label"] == "virus", group, row["kind"], told == "yes"))
    return genomes


def draw_records(
    genomes: list[Genome], length: int, per_group: dict[bool, int], rng: np.random.Generator
) -> Iterator[tuple[Genome, str]]:
    """Stretches of ``length`` bases from random places and strands.

    A group gets ``per_group[is_virus]`` of them, shared evenly by its genomes.
    """
    n_genomes: dict[tuple[bool, str], int] = {}
    for genome in genomes:
        key = (genome.is_virus, genome.group)
        n_genomes[key] = n_genomes.get(key, 0) + 1
    for genome in genomes:
        with dnaio.open(genome.file) as reader:
            sequences = [record.sequence.upper() for record in reader]
        places = np.array([max(len(letters) - length + 1, 0) for letters in sequences])
        if not places.sum():
            continue
        share = per_group[genome.is_virus] / n_genomes[genome.is_virus, genome.group]
        for _ in range(int(share) + (rng.random() < share % 1)):
            row = rng.choice(len(sequences), p=places / places.sum())
            start = rng.integers(places[row])
            piece = sequences[row][start : start + length]
            yield genome, piece.translate(_COMPLEMENT)[::-1] if rng.random() < 0.5 else piece


def score_records(
    drawn: list[tuple[Genome, str]],
    model: str,
    calibration: Calibration,
    folder: Path,
) -> ScoredRecords:
    """Run the pipeline's commands on the records; their files are left in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    reads = folder / "records.fasta"
    with reads.open("w") as file:
        for number, (_, letters) in enumerate(drawn):
            file.write(f">r{number}\n{letters}\n")
    _virnucpro(
        "prepare", reads, "--model", model, "--sample", "records",
        "--shard-frames", _MOST_FRAMES, "--outdir", folder,
    )  # fmt: skip
    (shard,) = (folder / "shards").iterdir()
    for encoder in ("dna", "protein"):
        _virnucpro(
            "embed", shard, "--encoder", encoder, "--model", model,
            "--output", folder / f"{encoder}.emb",
        )  # fmt: skip
    scores = folder / "frames.scores"
    _virnucpro(
        "classify", shard, "--dna", folder / "dna.emb", "--protein", folder / "protein.emb",
        "--model", model, "--output", scores,
    )  # fmt: skip
    _virnucpro(
        "consensus", scores, "--records", folder / "records.records.h5", "--reads", reads,
        "--sample", "records", "--prevalence", calibration.prevalence, "--outdir", folder,
    )  # fmt: skip
    evidence, scored_length = _record_evidence(folder / "scores.parquet", len(drawn), calibration)
    return ScoredRecords(
        evidence,
        scored_length,
        np.array([genome.is_virus for genome, _ in drawn]),
        np.array([genome.is_seen for genome, _ in drawn]),
        np.array([genome.group for genome, _ in drawn]),
        np.array([genome.kind for genome, _ in drawn]),
    )


def _virnucpro(*words: object) -> None:
    code = virnucpro([str(word) for word in words])
    if code:
        raise SystemExit(code)


def _record_evidence(
    table: Path, n_records: int, calibration: Calibration
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """float64 [R] evidence and int64 [R] scored bases, by the frames of ``scores.parquet``."""
    names = ["record_index", "chunk", "chunk_length", "window_log_odds"]
    frames = parquet.read_table(table, columns=names).drop_null()
    record, chunk, length, log_odds = (frames[name].to_numpy() for name in names)
    _, first = np.unique(np.stack([record, chunk]), axis=1, return_index=True)
    record, length, log_odds = record[first], length[first].astype(np.int64), log_odds[first]
    sums = [
        np.bincount(record, weights, n_records).astype(np.float64)
        for weights in (length * log_odds, length, length.astype(np.float64) ** 2)
    ]
    scored = sums[1].astype(np.int64)
    return calibration.record_evidence(sums[0], scored, sums[2]), scored
