"""The reads that suites measure with: as many as asked for, of a file or of the demonstration."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np

from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences import read_batches

__all__ = ["demo_reads", "write_reads"]

_CHANGED_SHARE = 0.02
"""Bases of a copy that are drawn anew: few of its frames are those of the original."""


def demo_reads() -> Path:
    """The bundled reads, in the project's source tree.

    Raises:
        UsageError: this is an installation without them.
    """
    path = Path(__file__).parents[2] / "assets" / "demo" / "reads.fasta.gz"
    if not path.is_file():
        raise UsageError("the demonstration reads are not installed", remedy="give --input READS")
    return path


def write_reads(settings: SuiteSettings, n_records: int, path: Path) -> Path:
    """Write the first ``n_records`` records as FASTA.

    Where the source has fewer, copies follow with every fiftieth base drawn anew: a frame that
    occurs twice would be embedded only once.

    Raises:
        InputError: the source cannot be read, or has no records.
    """
    source = settings.input or demo_reads()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii") as file:
        for name, letters in islice(_records(source), n_records):
            file.write(f">{name}\n{letters}\n")
    return path


def _records(source: Path) -> Iterator[tuple[str, str]]:
    """The records of ``source``, then changed copies of them for ever."""
    bases = np.frombuffer(b"ACGT", dtype=np.uint8)
    for number in count():
        draw = np.random.default_rng(number)
        n_records = 0
        for batch in read_batches(source):
            n_records += len(batch)
            for name, letters in zip(batch.ids, batch.sequences, strict=True):
                if number == 0:
                    yield name, letters
                    continue
                copy = np.frombuffer(letters.encode("ascii"), dtype=np.uint8).copy()
                is_changed = draw.random(len(copy)) < _CHANGED_SHARE
                copy[is_changed] = draw.choice(bases, int(is_changed.sum()))
                yield f"{name}_copy{number}", copy.tobytes().decode("ascii")
        if n_records == 0:
            raise InputError("has no records", where=str(source), remedy="give other reads")
