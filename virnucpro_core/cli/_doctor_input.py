"""``virnucpro doctor input``: would a run take these reads, this sheet, these parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from virnucpro_core.cli._options import check_choice
from virnucpro_core.cli._reads import GivenSample, PairedOption, given_samples
from virnucpro_core.cli._say import say
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.parameters import ParameterSchema, check_parameters
from virnucpro_core.samples import SheetError, is_sheet
from virnucpro_core.sequences import MOLECULES

if TYPE_CHECKING:
    from virnucpro_core.diagnosing import InputCheck

__all__ = ["check_input", "schema_path"]

_UNUSABLE = 2


def check_input(
    files: Annotated[
        list[str] | None,
        typer.Argument(help="FASTA, FASTQ, BAM, CRAM or SAM of one sample, or a samplesheet."),
    ] = None,
    paired: PairedOption = False,
    params_file: Annotated[
        Path | None,
        typer.Option(help="File of parameters (YAML or JSON): check it, and the input it names."),
    ] = None,
    molecule: Annotated[
        str, typer.Option("--molecule", help="What the sequences are: dna or protein.")
    ] = "dna",
    max_errors: Annotated[
        int, typer.Option("--max-errors", "-e", min=1, help="Mistakes to print of each sample.")
    ] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Read input to its end without running anything: counts, and the first mistakes.

    Ends with exit code 2 where a run would refuse it.
    """
    check_choice("--molecule", molecule, MOLECULES)
    problems: list[str] = []
    if params_file is not None:
        if files:
            raise UsageError("give either files or --params-file")
        problems, values = _parameters(params_file)
        files = [values["input"]] if isinstance(values.get("input"), str) else []
        if values.get("task") == "train":
            files = []
            say(f"{params_file}: the genomes of a training are read by the run itself")
        elif values.get("task") == "embed":
            molecule = values["molecule"]
    elif not files:
        raise UsageError("give files, a samplesheet or --params-file")
    samples: list[GivenSample] = []
    try:
        samples = _samples(files, paired=paired)
    except SheetError as error:
        problems += error.lines
    from virnucpro_core.diagnosing import check_reads

    checks = [
        check_reads(each.name, each.reads, molecule=molecule, max_errors=max_errors)
        for each in samples
    ]
    is_usable = not problems and all(check.is_usable for check in checks)
    if as_json:
        document = {
            "schema_version": 1,
            "usable": is_usable,
            "errors": problems,
            "samples": [asdict(check) for check in checks],
        }
        say(json.dumps(document, indent=2))
    else:
        for line in problems:
            say(f"PROBLEM  {line}")
        for check in checks:
            say(_told(check))
        say("a run would take this" if is_usable else "a run would refuse this")
    if not is_usable:
        raise typer.Exit(_UNUSABLE)


def schema_path() -> Path:
    """Where the pipeline's parameters are described.

    Raises:
        UsageError: the package was installed without the pipeline.
    """
    path = Path(__file__).parents[2] / "nextflow_schema.json"
    if not path.is_file():
        raise UsageError(
            "the pipeline is not there", where=str(path), remedy="run this in a checkout of it"
        )
    return path


def _samples(files: list[str], *, paired: bool) -> list[GivenSample]:
    if "-" in files:
        raise UsageError("standard input can be read once only", remedy="name a file")
    if len(files) == 1 and is_sheet(files[0]):
        if paired:
            raise UsageError("--paired is for files; a samplesheet says itself which are pairs")
        return given_samples(None, None, Path(files[0]), paired=False, outdir=Path())
    return given_samples(files, files[0], None, paired=paired, outdir=Path()) if files else []


def _parameters(path: Path) -> tuple[list[str], Mapping[str, Any]]:
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            f"cannot be read ({error})", where=str(path), remedy="write YAML or JSON"
        ) from error
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise InputError(
            "holds no parameters", where=str(path), remedy="write a line 'name: value' for each"
        )
    checked = check_parameters(ParameterSchema.read(schema_path()), given)
    for note in checked.notes:
        say(f"{path}: {note}", to_stderr=True)
    return [f"{path}: {line}" for line in checked.errors], checked.values


def _told(check: InputCheck) -> str:
    mark = "ok" if check.is_usable else "PROBLEM"
    lines = [
        f"{mark:<8} {check.name}: {check.records} records, {check.letters} letters, "
        f"{check.shortest} to {check.longest} long"
    ]
    notes = (
        (check.empty, "empty"),
        (check.short, "shorter than one codon"),
        (check.ambiguous, "with ambiguous letters"),
    )
    told = [f"{n} {what}" for n, what in notes if n]
    if told:
        lines.append(f"{'':<8} {', '.join(told)}")
    if not check.is_whole:
        lines.append(f"{'':<8} not read to the end")
    lines += [f"{'':<8} {error}" for error in check.errors]
    if check.n_errors > len(check.errors):
        lines.append(f"{'':<8} and {check.n_errors - len(check.errors)} more")
    return "\n".join(lines)
