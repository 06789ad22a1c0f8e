"""``virnucpro report``: what a run did and found."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from virnucpro_core import reporting
from virnucpro_core.cli._options import ModelOption, SampleOption
from virnucpro_core.errors import InputError

__all__ = ["app"]

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
    command: Annotated[str, typer.Option(help="The command line of the run.")] = "",
    nextflow_version: Annotated[str | None, typer.Option(help="Version of Nextflow.")] = None,
) -> None:
    """Write what made a sample's results: versions, parameters, digests, counts."""
    from virnucpro_core.models import open_model

    bundle = open_model(model)
    reporting.write_run_json(
        output,
        sample=sample,
        sequences=sequences,
        reads=reads,
        parameters=_json_object(parameters),
        bundle_name=bundle.name,
        bundle_sha256=bundle.sha256,
        code_sha256=code_sha256,
        command=_words(command),
        nextflow_version=nextflow_version,
    )


@app.command()
def html(
    sample: SampleOption,
    sequences: Annotated[Path, typer.Option(help="The sample's sequences.tsv.")],
    model: ModelOption,
    output: Annotated[Path, typer.Option(help="report.html to write.")],
    scores: Annotated[Path | None, typer.Option(help="Its scores.parquet.")] = None,
    regions: Annotated[Path | None, typer.Option(help="Its regions.bed.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Its summary.json.")] = None,
    viral: Annotated[Path | None, typer.Option(help="Its records called virus.")] = None,
    run: Annotated[Path | None, typer.Option(help="Its run.json.")] = None,
    trace: Annotated[Path | None, typer.Option(help="Nextflow's trace, for the stages.")] = None,
    stages_dir: Annotated[Path | None, typer.Option(help="Stage tables of the trace.")] = None,
) -> None:
    """Write a sample's report: one page that opens offline."""
    from virnucpro_core.models import open_bundle

    stages = reporting.summarise_stages(trace, stages_dir) if trace and stages_dir else None
    files = reporting.SampleFiles(sequences, scores, regions, summary, viral, run)
    bundle = open_bundle(model).spec.to_json()
    reporting.write_sample_report(output, sample, files, bundle, stages=stages)
    typer.echo(f"{sample}: {output}")


@app.command()
def stages(
    trace: Annotated[Path, typer.Argument(help="Nextflow's trace file.")],
    stages_dir: Annotated[Path, typer.Option(help="Directory with the tasks' stage tables.")],
    wall_seconds: Annotated[float | None, typer.Option(help="Wall time of the run.")] = None,
) -> None:
    """Print the nine stages of a run: seconds, share, sequences, tokens, bottlenecks."""
    summaries = reporting.summarise_stages(trace, stages_dir)
    typer.echo(reporting.render_stages(summaries, wall_seconds), nl=False)


@app.command()
def truth(
    sequences: Annotated[Path, typer.Argument(help="sequences.tsv of a run.")],
    labels: Annotated[Path, typer.Argument(help="Table with the columns id and label.")],
) -> None:
    """Compare the calls of a run with true labels."""
    from virnucpro_core.calling import compare_with_truth

    typer.echo(str(compare_with_truth(sequences, labels)))


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return [command]  # Nextflow does not quote: an apostrophe in a file name has no partner


def _json_object(path: Path) -> dict[str, reporting.Json]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"is not readable JSON ({error})", where=str(path)) from error
    if not isinstance(content, dict):
        raise InputError("is JSON, but not an object", where=str(path))
    return content
