"""``virnucpro report``: what a run did and found."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from virnucpro_core import reporting
from virnucpro_core._files import sha256_of_file
from virnucpro_core.cli._options import ModelOption, OutdirOption, SampleOption
from virnucpro_core.cli._say import say
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences import check_sample_name

__all__ = ["app"]

_MAIN = Path(reporting.__file__).parents[2] / "main.nf"

app = typer.Typer(help="Summaries of a run.", no_args_is_help=True)


@app.command()
def run(
    sample: SampleOption,
    sequences: Annotated[Path, typer.Option(help="The sample's sequences.tsv.")],
    reads: Annotated[
        list[Path], typer.Option(help="A sequence file that was prepared; again for the next.")
    ],
    model: ModelOption,
    parameters: Annotated[Path, typer.Option(help="The pipeline's parameters, a JSON object.")],
    code_sha256: Annotated[str, typer.Option(help="Digest of the code that ran.")],
    output: Annotated[Path, typer.Option(help="run.json to write.")],
    command: Annotated[
        Path | None, typer.Option(help="A file with the command line of the run.")
    ] = None,
    nextflow_version: Annotated[str | None, typer.Option(help="Version of Nextflow.")] = None,
) -> None:
    """Write what made a sample's results: versions, parameters, digests, counts."""
    check_sample_name(sample)
    name, digest = _name_and_digest(model)
    reporting.write_run_json(
        output,
        sample=sample,
        sequences=sequences,
        reads=reads,
        parameters=_json_object(parameters),
        bundle_name=name,
        bundle_sha256=digest,
        code_sha256=code_sha256,
        command=[] if command is None else _words(command),
        nextflow_version=nextflow_version,
    )


@app.command()
def html(
    results: Annotated[Path, typer.Argument(help="Folder with a sample's result files.")],
    sample: SampleOption,
    model: ModelOption,
    output: Annotated[Path, typer.Option(help="report.html to write.")],
    run: Annotated[Path | None, typer.Option(help="run.json [the folder's].")] = None,
    trace: Annotated[Path | None, typer.Option(help="Nextflow's trace, for the stages.")] = None,
) -> None:
    """Write a sample's report: one page that opens offline."""
    files = reporting.SampleFiles.of_folder(results)
    if run is not None:
        files = replace(files, run=run)
    reporting.write_sample_report(
        output,
        sample,
        files,
        _description(model),
        bundle_sha256=_name_and_digest(model)[1],
        stages=None if trace is None else _summary(trace, None).stages,
    )
    say(f"{sample}: {output}")


@app.command()
def samples(
    results: Annotated[Path, typer.Argument(help="Folder of a run, with a folder a sample.")],
    outdir: OutdirOption = Path(),
    stages_dir: Annotated[Path | None, typer.Option(help="Stage tables of the run.")] = None,
    given: Annotated[
        Path | None, typer.Option(help="Names of all samples of the run, one a line.")
    ] = None,
    failures_dir: Annotated[
        Path | None, typer.Option(help="Why samples failed: SAMPLE.failure.json.")
    ] = None,
) -> None:
    """Write a run's report and, in the folder multiqc, what MultiQC takes up."""
    found = reporting.read_run_samples(results)
    tables = sorted(stages_dir.glob("*.tsv")) if stages_dir else []
    try:
        stages = reporting.sum_up_tables(tables) if tables else None
    except ValueError as error:
        raise InputError(str(error)) from error
    names = [] if given is None else given.read_text(encoding="utf-8").split()
    failed = reporting.find_failed_samples(names, found, failures_dir)
    reporting.write_run_report(outdir / "report.html", found, stages, failed)
    reporting.write_multiqc(outdir / "multiqc", found, stages, failed)
    say(f"{len(found)} samples, {len(failed)} failed: {outdir / 'report.html'}")


@app.command()
def crate(
    results: Annotated[Path, typer.Argument(help="Folder of a run, with a folder a sample.")],
    workflow: Annotated[Path, typer.Option(help="main.nf of the pipeline.")] = _MAIN,
) -> None:
    """Describe a run's results as a Workflow Run RO-Crate."""
    say(str(reporting.write_crate(results, workflow)))


@app.command()
def stages(
    traces: Annotated[list[Path], typer.Argument(help="Nextflow's trace files, one a run.")],
    stages_dir: Annotated[
        Path | None, typer.Option(help="Stage tables ['stages' beside each trace].")
    ] = None,
    wall_seconds: Annotated[float | None, typer.Option(help="Wall time of the run.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Trace of a run to compare with.")] = None,
) -> None:
    """Print the nine stages of runs: seconds, share, sequences, tokens, bottlenecks.

    A trace of another pipeline, without stage tables, is summed up by the names of its processes.
    """
    if len(traces) > 1 and (stages_dir is not None or wall_seconds is not None):
        raise UsageError(
            "--stages-dir and --wall-seconds are of one run", remedy="give a single trace"
        )
    compared = None if baseline is None else _summary(baseline, None)
    for number, trace in enumerate(traces):
        summary = _summary(trace, stages_dir)
        if len(traces) > 1:
            say(f"{'' if number == 0 else chr(10)}{trace}")
        say(reporting.render_stages(summary, wall_seconds).removesuffix("\n"))
        if compared is not None:
            comparison = reporting.compare_runs(summary, compared, str(baseline))
            say("\n" + comparison.removesuffix("\n"))


@app.command()
def truth(
    sequences: Annotated[Path, typer.Argument(help="sequences.tsv of a run.")],
    labels: Annotated[
        Path,
        typer.Argument(
            help="Tab-separated table with the columns id, label (virus or non-virus), organism "
            "and, if you like, kind (such as read or contig)."
        ),
    ],
) -> None:
    """Compare the calls of a run with true labels."""
    from virnucpro_core.calling import compare_with_truth

    say(str(compare_with_truth(sequences, labels)))


def _name_and_digest(model: str) -> tuple[str, str]:
    """A model's name and the SHA-256 of its ``bundle.json``."""
    path = Path(model) / "bundle.json"
    # In a task the model is a folder that other tasks have checked: no torch needs to be loaded.
    if path.is_file():
        return _json_object(path)["name"], sha256_of_file(path)
    from virnucpro_core.models import open_model

    found = open_model(model)
    return found.name, found.sha256


def _description(model: str) -> Mapping[str, Any]:
    """What a model's ``bundle.json`` says."""
    path = Path(model) / "bundle.json"
    if path.is_file():
        return _json_object(path)
    from virnucpro_core.models import open_bundle

    return open_bundle(model).spec.to_json()


def _summary(trace: Path, stages_dir: Path | None) -> reporting.RunSummary:
    try:
        return reporting.summarise_run(trace, stages_dir)
    except ValueError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error})", where=str(trace)) from error


def _words(path: Path) -> list[str]:
    try:
        command = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", where=str(path)) from error
    try:
        return shlex.split(command)
    except ValueError:
        return [command]  # Nextflow does not quote: an apostrophe in a file name has no partner


def _json_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is not readable JSON ({error})", where=str(path)) from error
    if not isinstance(content, dict):
        raise InputError("is JSON, but not an object", where=str(path))
    return content
