"""The reads that a command is given: files of one sample, standard input, or a samplesheet."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core._files import AtomicFile
from virnucpro_core.cli._say import say
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.samples import read_sheet
from virnucpro_core.sequences import ReadFiles, check_sample_name

__all__ = [
    "GivenSample",
    "PairedOption",
    "ReadsArgument",
    "SheetOption",
    "given_samples",
    "named",
    "read_files",
    "say_of_reads",
]

ReadsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="FASTA, FASTQ (plain or compressed), BAM, CRAM or SAM; several are read one after "
        "another; - for standard input."
    ),
]
PairedOption = Annotated[
    bool, typer.Option("--paired", help="The files are pairs: first mates, second mates, …")
]
SheetOption = Annotated[
    Path | None, typer.Option("--sheet", help="Samplesheet: many samples, instead of READS.")
]


@dataclass(frozen=True, slots=True)
class GivenSample:
    """A sample's name and reads."""

    name: str
    reads: ReadFiles


def given_samples(
    reads: list[str] | None, sample: str | None, sheet: Path | None, *, paired: bool, outdir: Path
) -> list[GivenSample]:
    """The samples of a sheet, or the one whose files are named.

    Standard input is kept as ``<outdir>/<sample>.reads``: later steps read it again.

    Raises:
        UsageError: there is neither or both, the name cannot be used, or the number of files is
            odd and they are pairs.
        InputError: the sheet cannot be used.
    """
    if (sheet is None) is not bool(reads):
        raise UsageError("give either the files of one sample or a --sheet")
    if sheet is not None:
        if sample is not None:
            raise UsageError("--sample is for the files of one sample; the sheet names its own")
        return [
            GivenSample(each.name, ReadFiles(tuple(map(Path, each.files)), each.paired))
            for each in read_sheet(sheet, launch_dir=Path()).samples
        ]
    if sample is None:
        raise UsageError("--sample is missing", remedy="give the sample a name")
    check_sample_name(sample)
    paths = [Path(name) for name in reads or ()]
    if reads == ["-"]:
        paths = [_keep_standard_input(outdir / f"{sample}.reads")]
    return [GivenSample(sample, read_files(paths, paired=paired))]


def read_files(paths: list[Path], *, paired: bool) -> ReadFiles:
    """The files of one sample.

    Raises:
        UsageError: they are pairs and their number is odd.
    """
    if paired and len(paths) % 2:
        raise UsageError(f"--paired and {len(paths)} files", remedy="give two files for each pair")
    return ReadFiles(tuple(paths), paired)


@contextmanager
def named(sample: GivenSample, sheet: Path | None) -> Iterator[None]:
    """Say of which sample of a sheet an input is that cannot be used."""
    try:
        yield
    except InputError as error:
        if sheet is None:
            raise
        raise InputError(
            error.what, where=f"sample {sample.name}: {error.where}", remedy=error.remedy
        ) from error


def say_of_reads(sample: str, warnings: Sequence[str], notes: Sequence[str]) -> None:
    """Print what was noticed while a sample's reads were read."""
    for warning in warnings:
        say(f"virnucpro: {sample}: warning: {warning}", to_stderr=True)
    for note in notes:
        say(f"{sample}: {note}")


def _keep_standard_input(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with AtomicFile(path) as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
    return path
