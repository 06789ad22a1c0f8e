"""Result files of made-up samples, in the documented formats."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from virnucpro_core.reporting import SampleFiles

__all__ = ["BUNDLE", "CALIBRATED", "Record", "write_sample"]

HEADER = [
    "id", "length", "n_chunks", "n_frames", "virus_score", "call", "reason", "probability",
    "q_value", "tier", "n_uninformative", "n_partial_frames", "coverage",
]  # fmt: skip

BUNDLE: dict[str, Any] = {
    "name": "tested",
    "description": "A model of the tests.",
    "licence": "MIT",
    "window_size": 500,
    "encoders": {"dna": {"name": "d", "layer": 2}, "protein": {"name": "p", "layer": 2}},
    "calibration": None,
    "training": {},
    "accuracy": {},
}
"""What a report needs of a ``bundle.json``; says nothing of accuracy."""

CALIBRATED: dict[str, Any] = BUNDLE | {
    "calibration": {
        "method": "platt",
        "prevalence": 0.5,
        "evidence_exponent": 0.4,
        "ranges": [
            {"min_length": 1, "max_length": 199, "slope": 0.7, "intercept": -0.2, "windows": 900},
            {"min_length": 200, "max_length": None, "slope": 1.1, "intercept": 0.1, "windows": 800},
        ],
    },
    "training": {
        "procedure": "Fitted on <b>whole</b> genomes.",
        "genomes": {
            "train": [
                {"name": "A", "label": "virus", "bases": 5000},
                {"name": "B", "label": "others", "bases": 90000},
            ],
            "test": [{"name": "C", "label": "virus", "bases": 7000}],
        },
    },
    "accuracy": {
        "what": "windows of genomes that no part of the model has seen",
        "by_window_length": {
            "500": {"windows": 1696, "not_scorable": 2304, "accuracy": 0.91, "sensitivity": 0.9,
                    "specificity": 0.93, "auc": 0.961, "average_precision": 0.95,
                    "calibration_error": 0.021},
            "150": {"windows": 3058, "not_scorable": 942, "accuracy": 0.74, "sensitivity": 0.7,
                    "specificity": 0.77, "auc": 0.82, "average_precision": 0.8,
                    "calibration_error": 0.038},
        },
        "by_genome": {
            "C": {"label": "virus", "group": "phages", "windows": 60, "not_scorable": 4,
                  "accuracy": 0.95},
            "D": {"label": "others", "group": "bacteria", "windows": 90, "not_scorable": 9,
                  "accuracy": 0.41},
        },
        "baseline": {"k-mer logistic regression": {"500": {"auc": 0.87}, "150": {"auc": 0.7}}},
        "reliability": {
            "500": [{"mean_probability": p, "share_virus": round(p**1.1, 3), "windows": 150}
                    for p in (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)],
            "150": [{"mean_probability": p, "share_virus": round(0.8 * p + 0.1, 3), "windows": 300}
                    for p in (0.1, 0.3, 0.5, 0.7, 0.9)],
        },
    },
}  # fmt: skip
"""The same with a calibration and a full account of its accuracy."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a sample; `score` None for one that is not scorable."""

    id: str
    length: int
    score: float | None
    probability: float | None = None
    q_value: float | None = None
    tier: str | None = None
    reason: str = "NA"
    threshold: float = 0.5
    n_uninformative: int = 0
    n_partial_frames: int = 0
    coverage: float | None = None

    @property
    def n_chunks(self) -> int:
        return max(1, -(-self.length // 500)) if self.length else 1

    @property
    def call(self) -> str:
        if self.score is None:
            return "not-scorable"
        return "virus" if self.score >= self.threshold else "non-virus"

    def row(self) -> str:
        n_frames = 0 if self.score is None else self.n_chunks
        cells = (self.id, self.length, self.n_chunks, n_frames, self.score, self.call,
                 self.reason, self.probability, self.q_value, self.tier,
                 self.n_uninformative, self.n_partial_frames, self.coverage)  # fmt: skip
        return "\t".join("NA" if cell is None else str(cell) for cell in cells) + "\n"


def write_sample(
    folder: Path, records: list[Record], *, regions: str = "", summary: Any = None, run: Any = None
) -> SampleFiles:
    """Write the files of a sample and name them."""
    folder.mkdir(parents=True, exist_ok=True)
    sequences = folder / "sequences.tsv"
    sequences.write_text("\t".join(HEADER) + "\n" + "".join(r.row() for r in records))
    bed = folder / "regions.bed"
    bed.write_text(regions)
    for name, content in (("summary.json", summary), ("run.json", run)):
        if content is not None:
            (folder / name).write_text(json.dumps(content))
    return SampleFiles(
        sequences=sequences,
        scores=_write_scores(folder / "scores.parquet", records),
        regions=bed,
        summary=None if summary is None else folder / "summary.json",
        run=None if run is None else folder / "run.json",
    )


def _write_scores(path: Path, records: list[Record]) -> Path:
    rng = np.random.default_rng(3)
    rows = []
    for index, record in enumerate(records):
        if record.score is None:
            continue
        for chunk in range(record.n_chunks):
            wave = 0.25 * np.sin(chunk / 6) + rng.normal(0, 0.06)
            s = float(np.clip(record.score + (wave if record.n_chunks > 1 else 0), 0.01, 0.99))
            odds = None if record.probability is None else float(np.log(s / (1 - s)) * 2)
            start = chunk * 500
            rows.append((record.id, index, chunk + 1, start, min(500, record.length - start), "F1",
                         1 - s, s, None, odds))  # fmt: skip
    schema = pa.schema([
        ("record", pa.string()), ("record_index", pa.int64()), ("chunk", pa.int32()),
        ("chunk_start", pa.int64()), ("chunk_length", pa.int32()), ("frame", pa.string()),
        ("score1", pa.float32()), ("score2", pa.float32()), ("set_aside", pa.string()),
        ("window_log_odds", pa.float32()),
    ])  # fmt: skip
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, schema, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, row_group_size=64)
    return path
