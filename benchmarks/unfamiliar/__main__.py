"""What a bundle says of sequence unlike its training, and what its reliability costs.

Records are drawn from labelled genomes, shuffled, and made up. They are called at the prevalence of
the calibration, with the bundle's reliability and without.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prevalence.__main__ import write_table
from benchmarks.prevalence._scored_records import read_genomes, seen_groups
from benchmarks.unfamiliar._records import (
    CELLS,
    VIRUSES,
    CalledRecords,
    Record,
    call_records,
    records_of,
)
from virnucpro_core.models import open_bundle

_SURE = ("high", "medium")

Row = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.unfamiliar", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("sheet", type=Path, help="labelled genomes, see benchmarks/README.md")
    parser.add_argument("output", type=Path, help="folder for records, calls and tables")
    parser.add_argument("--bundle", required=True, help="name or directory of a model")
    parser.add_argument("--lengths", type=int, nargs="+", default=[150, 300, 500, 1000])
    parser.add_argument("--records", type=int, default=500, help="of each kind and length, about")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args(argv)
    bundle = open_bundle(arguments.bundle)
    calibration = bundle.calibration
    if calibration is None or bundle.spec.reliability is None:
        parser.error(f"{bundle.name} has no reliability")
    genomes = read_genomes(arguments.sheet, seen_groups(bundle))
    kinds = {genome.kind for genome in genomes}
    if not {VIRUSES, CELLS} <= kinds:
        parser.error(f"{arguments.sheet} has no genomes of the kinds {VIRUSES} and {CELLS}")
    seen = sorted({genome.group for genome in genomes if genome.is_seen})
    if seen:
        print(f"warning: the model has seen {len(seen)} of the groups, such as {seen[0]}")
    rows: list[Row] = []
    families: list[Row] = []
    for length in arguments.lengths:
        rng = np.random.default_rng([arguments.seed, length])
        records = list(records_of(genomes, length, arguments.records, rng))
        folder = arguments.output / str(length)
        called = call_records(records, bundle, calibration.prevalence, folder)
        rows += judge_kinds(records, called, length)
        families += judge_families(records, called, length)
    write_table(arguments.output / "kinds.tsv", rows)
    write_table(arguments.output / "families.tsv", families)
    text = page(bundle.name, rows)
    (arguments.output / "unfamiliar.md").write_text(text)
    print(text)


def judge_kinds(records: list[Record], called: CalledRecords, length: int) -> Iterator[Row]:
    """For each kind what was called, how surely, and what the reliability took away."""
    kind = np.array([record.kind for record in records])
    for name in dict.fromkeys(kind.tolist()):
        yield {"length": length, "kind": name, **_judge(called, kind == name)}


def judge_families(records: list[Record], called: CalledRecords, length: int) -> list[Row]:
    """The same for each viral family, that which loses most first."""
    family = np.array([record.group if record.kind == VIRUSES else "" for record in records])
    rows: list[Row] = [
        {"length": length, "family": name, **_judge(called, family == name)}
        for name in np.unique(family[family != ""]).tolist()
    ]
    return sorted(rows, key=lambda row: -row["lost_virus"])


def _judge(called: CalledRecords, mine: np.ndarray[Any, np.dtype[np.bool_]]) -> Row:
    is_virus, is_other = (mine & (called.call == word) for word in ("virus", "non-virus"))
    is_unfamiliar = called.tier == "unfamiliar"
    n = int(mine.sum())
    return {
        "records": n,
        "virus": is_virus.sum() / n,
        "sure_virus_without": (is_virus & np.isin(called.tier_without, _SURE)).sum() / n,
        "sure_virus": (is_virus & np.isin(called.tier, _SURE)).sum() / n,
        "unfamiliar": (mine & is_unfamiliar).sum() / n,
        "lost_virus": _share(is_unfamiliar[is_virus]),
        "lost_non_virus": _share(is_unfamiliar[is_other]),
    }


def _share(of: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    return float(of.mean()) if len(of) else 0.0


def page(name: str, rows: list[Row]) -> str:
    """The tables as Markdown."""
    lengths = list(dict.fromkeys(row["length"] for row in rows))
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    cells = {(row["kind"], row["length"]): row for row in rows}
    header = "| " + " | ".join(["kind", *(f"{length} nt" for length in lengths)]) + " |"
    rule = "|---|" + "---:|" * len(lengths)

    def table(shown: list[str], *columns: str) -> str:
        lines = [header, rule]
        for kind in shown:
            texts = [
                " → ".join(f"{cells[kind, n][c]:.1%}" for c in columns)
                if (kind, n) in cells
                else "–"
                for n in lengths
            ]
            lines.append("| " + " | ".join([kind, *texts]) + " |")
        return "\n".join(lines)

    return (
        "\n\n".join(
            [
                f"Model: {name}. Share of records that are called virus in tier high or medium, "
                "without → with its reliability:",
                table(kinds, "sure_virus_without", "sure_virus"),
                "Share of records that are unfamiliar:",
                table(kinds, "unfamiliar"),
                "What it costs: share of right calls that are unfamiliar, of viruses",
                table([VIRUSES], "lost_virus"),
                "and of cells:",
                table([CELLS], "lost_non_virus"),
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
