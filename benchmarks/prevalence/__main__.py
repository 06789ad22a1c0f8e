"""How good calls are where the share of viruses is estimated, beside where it is assumed.

Records are drawn from labelled genomes and scored once; samples with known shares of viruses are
then drawn from the records. Each is called with the calibration's prevalence ("fixed"), with the
likeliest share ("likeliest") and with that of --prevalence auto ("auto").
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.prevalence._page import draw_figure, page
from benchmarks.prevalence._scored_records import (
    ScoredRecords,
    draw_records,
    read_genomes,
    score_records,
    seen_groups,
)
from virnucpro_core.calling import Calibration, choose_prevalence, logit, sigmoid
from virnucpro_core.models import open_bundle

SHARES = (0.001, 0.003, 0.01, 0.05, 0.1, 0.3, 0.5, 0.66, 0.75, 0.9)
SIZES = (50, 500, 5_000, 50_000)
USUAL_SIZE = 5_000
METHODS = ("fixed", "likeliest", "auto")
_SAMPLED = 60_000
"""Records in all samples of a kind together, of which there are at least 4."""
_FAMILY_SHARES = (0.01, 0.1, 0.5, 0.9)
_LEAST_RECORDS = 20


@dataclass(frozen=True, slots=True)
class Population:
    """Records that samples are drawn from.

    Attributes:
        length: of the records, in bases.
        viruses, hosts: which they are.
        virus, other: float64, evidence of the scored records of each class.
    """

    length: int
    viruses: str
    hosts: str
    virus: NDArray[np.float64]
    other: NDArray[np.float64]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write tables and a figure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.prevalence", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("sheet", type=Path, help="labelled genomes, see benchmarks/README.md")
    parser.add_argument("output", type=Path, help="folder for scores, tables and the figure")
    parser.add_argument("--bundle", required=True, help="name or directory of a calibrated model")
    parser.add_argument("--lengths", type=int, nargs="+", default=[150, 1000])
    parser.add_argument(
        "--records", type=int, default=150, help="for a viral group; thrice as many for others"
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=list(SIZES), help="records in a sample"
    )
    parser.add_argument(
        "--repeats", type=int, default=100, help="most samples of a kind, at least 2"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    bundle = open_bundle(arguments.bundle)
    if bundle.calibration is None:
        parser.error(f"{bundle.name} is not calibrated")
    arguments.output.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(arguments.seed)
    usual = USUAL_SIZE if USUAL_SIZE in arguments.sizes else max(arguments.sizes)
    cells: list[dict[str, Any]] = []
    families: list[dict[str, Any]] = []
    for length in arguments.lengths:
        scores = arguments.output / f"scores_{length}.npz"
        if not scores.exists():
            genomes = read_genomes(arguments.sheet, seen_groups(bundle))
            per_group = {True: arguments.records, False: 3 * arguments.records}
            drawn = list(draw_records(genomes, length, per_group, rng))
            work = arguments.output / f"work_{length}"
            score_records(drawn, arguments.bundle, bundle.calibration, work).save(scores)
        records = ScoredRecords.load(scores)
        records = records.of(records.scored_length > 0)
        for population in populations(records, length):
            for n_records in arguments.sizes if population.hosts in ("seen", "unseen") else [usual]:
                for share in SHARES:
                    n = min(max(_SAMPLED // n_records, 4), arguments.repeats)
                    cells.append(cell(population, share, n_records, n, bundle.calibration, rng))
        families += family_cells(records, length, usual, bundle.calibration, rng)
        print(f"{length} bases: done")
    write_table(arguments.output / "cells.tsv", cells)
    write_table(arguments.output / "families.tsv", families)
    text = page(bundle.name, cells, families, usual)
    (arguments.output / "prevalence.md").write_text(text)
    draw_figure(arguments.output / "prevalence.svg", cells, usual)
    print(text)


def populations(records: ScoredRecords, length: int) -> Iterator[Population]:
    """Families seen and unseen, each with hosts seen, unseen, and those of one kingdom."""
    hosts = {"seen": records.is_seen, "unseen": ~records.is_seen}
    for kind in np.unique(records.kind[~records.is_virus]).tolist():
        hosts[f"only {kind}"] = records.kind == kind
    for viruses, is_virus in {"seen": records.is_seen, "unseen": ~records.is_seen}.items():
        for name, is_host in hosts.items():
            virus = records.evidence[records.is_virus & is_virus]
            other = records.evidence[~records.is_virus & is_host]
            if min(len(virus), len(other)) >= _LEAST_RECORDS:
                yield Population(length, viruses, name, virus, other)


def cell(
    population: Population,
    share: float,
    n_records: int,
    repeats: int,
    calibration: Calibration,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Means over samples of one kind, and how far calls are from those of the fixed prevalence."""
    judged = [
        judge_sample(*draw_sample(population, share, n_records, rng), calibration)
        for _ in range(repeats)
    ]
    names = list(judged[0])
    values = np.array([[row[name] for name in names] for row in judged])
    means = dict(zip(names, _means(values).tolist(), strict=True))
    row: dict[str, Any] = {
        "length": population.length,
        "viruses": population.viruses,
        "hosts": population.hosts,
        "share": share,
        "records": n_records,
        **means,
    }
    for method in METHODS[1:]:
        for what in ("log_loss", "wrong"):
            more = (
                values[:, names.index(f"{what}_{method}")] - values[:, names.index(f"{what}_fixed")]
            )
            row[f"more_{what}_{method}"] = float(more.mean())
            row[f"noise_{what}_{method}"] = float(more.std(ddof=1) / np.sqrt(len(more)))
    return row


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of columns, without their NaN; NaN where a column has nothing else."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=0)
    means = np.full(values.shape[1], np.nan)
    np.divide(total, known.sum(axis=0), out=means, where=known.any(axis=0))
    return means


def draw_sample(
    population: Population, share: float, n_records: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Evidence and truth of a sample with replacement."""
    is_virus = rng.random(n_records) < share
    n_virus = int(is_virus.sum())
    evidence = np.empty(n_records)
    evidence[is_virus] = rng.choice(population.virus, n_virus)
    evidence[~is_virus] = rng.choice(population.other, n_records - n_virus)
    return evidence, is_virus


def judge_sample(
    evidence: NDArray[np.float64], is_virus: NDArray[np.bool_], calibration: Calibration
) -> dict[str, float]:
    """What the calls of a sample are like under each of `METHODS`; NaN where it has no virus."""
    chosen = choose_prevalence(None, evidence, calibration)
    assert chosen.estimate is not None
    n, truth = len(evidence), float(is_virus.mean())
    assumed: Mapping[str, float] = {
        "fixed": calibration.prevalence,
        "likeliest": chosen.estimate.share,
        "auto": chosen.value,
    }
    result = {
        "at_most": chosen.estimate.at_most,
        "covered": float(truth <= chosen.estimate.at_most),
        "trusted": float(chosen.source == "estimated"),
    }
    for method, prevalence in assumed.items():
        log_odds = evidence + logit(prevalence)
        called = log_odds >= 0
        right = float((called & is_virus).sum())
        n_called, n_virus = float(called.sum()), float(is_virus.sum())
        sensitivity = right / n_virus if n_virus else np.nan
        result |= {
            f"assumed_{method}": prevalence,
            f"log_loss_{method}": float(
                np.logaddexp(0, np.where(is_virus, -1, 1) * log_odds).mean()
            ),
            f"wrong_{method}": float((called != is_virus).mean()),
            f"sensitivity_{method}": sensitivity,
            f"specificity_{method}": 1 - (n_called - right) / max(n - n_virus, 1),
            f"precision_{method}": right / n_called if n_called else np.nan,
            f"f1_{method}": 2 * right / (n_called + n_virus) if n_called + n_virus else np.nan,
            f"calibration_error_{method}": expected_error(sigmoid(log_odds), is_virus),
        }
    return result


def expected_error(probability: NDArray[np.float64], is_virus: NDArray[np.bool_]) -> float:
    """Expected calibration error in ten bins of equal width, every record weighing the same."""
    bins = np.minimum((probability * 10).astype(int), 9)
    gap = np.bincount(bins, probability - is_virus, minlength=10)
    return float(np.abs(gap).sum() / len(probability))


def family_cells(
    records: ScoredRecords,
    length: int,
    n_records: int,
    calibration: Calibration,
    rng: np.random.Generator,
) -> Iterator[dict[str, Any]]:
    """Samples whose viruses are all of one unseen family, with hosts of all kinds."""
    other = records.evidence[~records.is_virus]
    is_unseen = records.is_virus & ~records.is_seen
    for name in np.unique(records.group[is_unseen]).tolist():
        virus = records.evidence[is_unseen & (records.group == name)]
        if len(virus) < _LEAST_RECORDS:
            continue
        population = Population(length, name, "all", virus, other)
        for share in _FAMILY_SHARES:
            sample = judge_sample(*draw_sample(population, share, n_records, rng), calibration)
            yield {"length": length, "family": name, "share": share, **sample}


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as tab-separated text, numbers to six significant digits."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(
            file, list(rows[0]) if rows else [], delimiter="\t", lineterminator="\n"
        )
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})


if __name__ == "__main__":
    main()
