"""``virnucpro doctor input``: would a run take these reads, this sheet, these parameters."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from virnucpro_core.cli._options import check_choice
from virnucpro_core.cli._reads import GivenSample, PairedOption, given_samples, read_files
from virnucpro_core.cli._say import say
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.parameters import (
    CheckedRun,
    CommandLine,
    ParameterSchema,
    as_written,
    check_run,
    read_texts,
)
from virnucpro_core.samples import SheetError, is_sheet, is_there, is_url
from virnucpro_core.sequences import MOLECULES, ReadFiles

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
    samples: list[GivenSample] = []
    if params_file is not None:
        if files or paired:
            raise UsageError(
                "--params-file names the input itself", remedy="give either files or --params-file"
            )
        run = _checked_run(params_file)
        problems = [f"{params_file}: {line}" for line in run.errors]
        samples, unread = _named_samples(run)
        for line in [*run.notes, *unread]:
            say(f"{params_file}: {line}", to_stderr=True)
        if run.values["task"] == "embed":
            molecule = run.values["molecule"]
    elif files:
        try:
            samples = _samples(files, paired=paired)
        except SheetError as error:
            problems = error.lines
    else:
        raise UsageError("give files, a samplesheet or --params-file")
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
    # The answer calls the reads by their file, which is no name of a sample.
    return [GivenSample(files[0], read_files([Path(name) for name in files], paired=paired))]


def _checked_run(path: Path) -> CheckedRun:
    """What a run that starts here with this file would say of it."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
        texts = read_texts(path)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(
            f"cannot be read ({error})", where=str(path), remedy="write YAML or JSON"
        ) from error
    except RecursionError as error:
        raise InputError(
            "cannot be read (lists in lists without end)",
            where=str(path),
            remedy="write a line 'name: value' for each parameter",
        ) from error
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise InputError(
            "holds no parameters", where=str(path), remedy="write a line 'name: value' for each"
        )
    schema = ParameterSchema.read(schema_path())
    # Those of profiles, too: with which ones the run starts is not known here.
    asked = as_written(schema, {**schema.defaults(), **given}, CommandLine(), texts)
    return check_run(schema, asked.values, launch_dir=Path(), wrong=asked.errors)


def _named_samples(run: CheckedRun) -> tuple[list[GivenSample], list[str]]:
    """The samples of a run whose reads can be looked at here, and a line for each input whose
    cannot; nothing of an input that is a mistake."""
    name, task = run.values["input"], run.values["task"]
    if not isinstance(name, str):
        return [], []
    if task == "train":
        return [], ["the genomes of a training are read by the run itself"]
    if task == "embed" and run.values["molecule"] not in MOLECULES:
        return [], [f"--input {name} is not read: it is not known of which molecule it is"]
    if name == "-" or is_url(name):
        return [], [f"--input {name} is not read: only a run fetches it"]
    if not is_sheet(name):
        is_file = is_there(Path(name)) and Path(name).is_file()
        return [GivenSample(name, ReadFiles((Path(name),)))] if is_file else [], []
    samples, unread = [], []
    for each in run.samples:
        remote = [file for file in each.files if is_url(file)]
        if remote:
            unread.append(f"sample {each.name} is not read: only a run fetches {remote[0]}")
        else:
            reads = ReadFiles(tuple(map(Path, each.files)), each.paired)
            samples.append(GivenSample(each.name, reads))
    return samples, unread


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
        (check.uninformative, "without information"),
    )
    told = [f"{n} {what}" for n, what in notes if n]
    if told:
        lines.append(f"{'':<8} {', '.join(told)}")
    lines += [f"{'':<8} warning: {warning}" for warning in check.warnings]
    lines += [f"{'':<8} {note}" for note in check.notes]
    if not check.is_whole:
        lines.append(f"{'':<8} not read to the end")
    lines += [f"{'':<8} {error}" for error in check.errors]
    if check.n_errors > len(check.errors):
        lines.append(f"{'':<8} and {check.n_errors - len(check.errors)} more")
    return "\n".join(lines)
