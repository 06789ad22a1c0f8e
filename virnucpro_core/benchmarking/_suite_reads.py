"""The reads that suites measure with: as many as asked for, of a file or of the demonstration."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np

from virnucpro_core.benchmarking._suite_settings import SuiteSettings
from virnucpro_core.errors import InputError
from virnucpro_core.sequences import clean_sequences, demo_reads, read_batches

__all__ = ["no_frames", "source_of", "write_reads"]

_CHANGED_SHARE = 0.02
"""Bases of a copy that are drawn anew: few of its frames are those of the original."""


def source_of(settings: SuiteSettings) -> Path:
    """The file whose records are measured with.

    Raises:
        UsageError: none is named, and the bundled reads are not installed.
    """
    return settings.input or demo_reads()


def no_frames(source: Path, n_records: int) -> InputError:
    """The error of reads with nothing to embed in them."""
    return InputError(
        f"none of the first {n_records} records has a frame to embed",
        where=str(source),
        remedy="give other reads",
    )


def write_reads(settings: SuiteSettings, n_records: int, path: Path) -> Path:
    """Write the first ``n_records`` records as FASTA.

    Where the source has fewer, copies follow with every fiftieth base drawn anew: a frame that
    occurs twice would be embedded only once.

    Raises:
        InputError: the source cannot be read, has no records, one with something that is no
            nucleotide, or two of the same id.
    """
    source = source_of(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for name, letters in islice(_records(source), n_records):
            file.write(f">{name}\n{letters}\n")
    return path


def _records(source: Path) -> Iterator[tuple[str, str]]:
    """The records of ``source``, then changed copies of them for ever."""
    bases = np.frombuffer(b"ACGT", dtype=np.uint8)
    seen: dict[str, str] = {}
    for number in count():
        draw = np.random.default_rng(number)
        n_records = 0
        for batch in read_batches(source):
            n_records += len(batch)
            for row, (name, letters) in enumerate(zip(batch.ids, batch.sequences, strict=True)):
                if number == 0:
                    # Here, because later steps know only the file that these are written to.
                    _check(name, letters, batch.place(row), seen)
                    yield name, letters
                    continue
                copy = np.frombuffer(letters.encode("ascii"), dtype=np.uint8).copy()
                is_changed = draw.random(len(copy)) < _CHANGED_SHARE
                copy[is_changed] = draw.choice(bases, int(is_changed.sum()))
                yield f"{name}_copy{number}", copy.tobytes().decode("ascii")
        if n_records == 0:
            raise InputError("has no records", where=str(source), remedy="give other reads")


def _check(name: str, letters: str, place: str, seen: dict[str, str]) -> None:
    """Refuse what `prepare` would; ``seen`` has the places of the ids so far."""
    if name in seen:
        raise InputError(
            f"the id {name} is that of {seen[name]} again",
            where=place,
            remedy="make the ids unique (for example with 'seqkit rename')",
        )
    seen[name] = place
    try:
        clean_sequences([letters], [name], "dna", source="")
    except InputError as error:
        raise InputError(error.what, where=f"{place} ({name})", remedy=error.remedy) from error
