"""``virnucpro doctor``: is everything in order on this machine."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from virnucpro_core._files import AtomicFile
from virnucpro_core._limits import available_cpus
from virnucpro_core.cli import _doctor_checkpoints, _doctor_input
from virnucpro_core.cli._checkpoint_dir import CheckpointDirOption, resolve_checkpoint_dir
from virnucpro_core.cli._embed_options import (
    AttentionOption,
    DeviceOption,
    PrecisionOption,
    ThreadsOption,
)
from virnucpro_core.cli._options import ModelOption, check_choice
from virnucpro_core.cli._say import say
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.parameters import ParameterSchema, render_params_file

if TYPE_CHECKING:
    from virnucpro_core.diagnosing import Diagnosis

__all__ = ["app"]

app = typer.Typer(help="Look whether everything is in order, here and in inputs.")
app.command("checkpoints")(_doctor_checkpoints.checkpoints)
app.command("input")(_doctor_input.check_input)

_UNUSABLE = 2
"""Exit code where something that is needed is broken."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.callback(invoke_without_command=True)
def doctor(
    context: typer.Context,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    attention: AttentionOption = "auto",
    threads: ThreadsOption = 0,
    checkpoint_dir: CheckpointDirOption = "",
    outdir: Annotated[Path, typer.Option(help="Folder that results would be written to.")] = Path(
        "results"
    ),
    work_dir: Annotated[Path, typer.Option(help="Folder that Nextflow would work in.")] = Path(
        "work"
    ),
    no_self_test: Annotated[
        bool, typer.Option("--no-self-test", help="Do not try out the encoders.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look whether everything is in order: machine, packages, Nextflow, models, folders, encoders.

    Ends with exit code 2 where something that is needed is broken.
    """
    if context.invoked_subcommand is not None:
        for parameter in context.command.params:
            source = context.get_parameter_source(parameter.name or "")
            if source is not None and source.name == "COMMANDLINE":
                raise UsageError(
                    f"{parameter.opts[0]} stands before {context.invoked_subcommand}",
                    remedy="give options behind the command that they are for",
                )
        return
    _check(device, precision, attention)
    import torch

    from virnucpro_core.diagnosing import DiagnosisSettings, diagnose

    torch.set_num_threads(threads or available_cpus())
    folders = {"outdir": outdir, "work": work_dir, "temporary": Path(tempfile.gettempdir())}
    settings = DiagnosisSettings(
        device=device,
        precision=precision,
        attention=attention,
        checkpoint_dir=resolve_checkpoint_dir(checkpoint_dir),
        folders=folders,
        self_test=not no_self_test,
    )
    _print(diagnose(settings, lambda line: say(f"virnucpro: {line}", to_stderr=True)), as_json)


@app.command("devices")
def devices(
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    attention: AttentionOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Tell which devices there are, and which number format and attention would be taken."""
    _check(device, precision, attention)
    from virnucpro_core.diagnosing import diagnose_devices

    _print(diagnose_devices(device, precision, attention), as_json)


def _check(device: str, precision: str, attention: str) -> None:
    from virnucpro_core.embedding import Precision
    from virnucpro_core.models import ATTENTION_BACKENDS

    check_choice("--precision", precision, tuple(known.value for known in Precision))
    check_choice("--attention", attention, ("auto", *ATTENTION_BACKENDS))


def _print(diagnosis: Diagnosis, as_json: bool) -> None:
    say(json.dumps(diagnosis.to_json(), indent=2) if as_json else str(diagnosis))
    if not diagnosis.is_usable:
        raise typer.Exit(_UNUSABLE)


@app.command("config")
def config(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: print it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    show_hidden: Annotated[
        bool, typer.Option("--show-hidden", help="Write hidden parameters, too.")
    ] = False,
) -> None:
    """Write a file of all parameters, with comments, for nextflow run -params-file."""
    name = str(output) if output else "params.yaml"
    schema = ParameterSchema.read(_doctor_input.schema_path())
    text = render_params_file(schema, name=name, hidden=show_hidden)
    if output is None:
        say(text.rstrip("\n"))
        return
    if output.exists() and not force:
        raise UsageError("is there already", where=name, remedy="give another name, or --force")
    with AtomicFile(output) as file:
        file.write(text.encode())
    say(f"{name}: fill in input, then: nextflow run main.nf -params-file {name}")


@app.command("profile")
def profile(
    reads: Annotated[
        Path | None, typer.Argument(help="Reads to measure with; default: the demo reads.")
    ] = None,
    model: ModelOption = "demo",
    encoder: Annotated[str, typer.Option("--encoder", help="dna, protein or both.")] = "both",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    attention: AttentionOption = "auto",
    threads: ThreadsOption = 0,
    seconds: Annotated[
        float, typer.Option(min=0.01, help="Seconds of a measurement; there are about 20.")
    ] = 1.0,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each setting.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Measure which token budget and how many threads suit this machine and model.

    The measured frames are those of the first records of the reads.
    """
    _check(device, precision, attention)
    check_choice("--encoder", encoder, ("dna", "protein", "both"))
    import torch

    from virnucpro_core import diagnosing, embedding, estimating
    from virnucpro_core.models import open_bundle
    from virnucpro_core.sequences import PrepareSettings, ReadFiles, demo_reads

    torch.set_num_threads(threads or available_cpus())
    settings = embedding.resolve_settings(device, embedding.Precision(precision), 0, attention)
    bundle = open_bundle(model)
    files = ReadFiles((reads or demo_reads(),))
    profiles = []
    with tempfile.TemporaryDirectory(prefix="virnucpro-profile-") as name:
        prepare = PrepareSettings("profile", bundle.window_size, 20_000, bundle.frame_rule)
        look = estimating.look_at(files, Path(name), prepare, 20_000)
        if look.seen.frames == 0:
            raise InputError(
                "has no frame to embed",
                where=str(files),
                remedy="give other reads to measure with",
            )
        with embedding.leased_settings(settings, threads=threads) as settings:
            for kind in ("dna", "protein"):
                if encoder in (kind, "both"):
                    profiles.append(
                        diagnosing.measure_profile(
                            embedding.EncoderSource(bundle, kind),
                            estimating.some_frames(look, kind),
                            settings,
                            seconds=seconds,
                            rounds=rounds,
                            tell=lambda line: say(f"virnucpro: {line}", to_stderr=True),
                        )
                    )
    if as_json:
        say(
            json.dumps({"schema_version": 1, "profiles": [p.to_json() for p in profiles]}, indent=2)
        )
    else:
        say("\n\n".join(map(str, profiles)))
