"""Everything that is checked of a run before its first task: parameters, samplesheet and input."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from virnucpro_core.errors import InputError
from virnucpro_core.parameters._check import check_parameters
from virnucpro_core.parameters._schema import ParameterSchema
from virnucpro_core.samples import Sample, SheetError, is_sheet, is_there, is_url, read_sheet

__all__ = ["CheckedRun", "check_run"]

_COMPARING_SUITES = ("v1-comparison", "all")
"""Suites that take ``--against``. Named here because `virnucpro_core.benchmarking` needs packages
that the head job may not have."""

_NOT_OF_BENCHMARK = ("engine", "attention", "token_budget", "frame_rule")
"""Parameters that suites choose themselves."""

_ROW_SCHEMA = Path(__file__).resolve().parents[2] / "assets" / "schema_input.json"


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """What became of the parameters of a run.

    Attributes:
        values: as of `CheckedParameters`.
        errors: a line for each mistake.
        notes: a line for each thing that the user should see.
        samples: of a samplesheet; none where the input is none, or one that cannot be used.
    """

    values: Mapping[str, Any]
    errors: tuple[str, ...]
    notes: tuple[str, ...]
    samples: tuple[Sample, ...]


def check_run(
    schema: ParameterSchema,
    given: Mapping[str, Any],
    *,
    launch_dir: Path,
    wrong: Mapping[str, str] = MappingProxyType({}),
    profiles: Collection[str] = (),
    sheet: Path | None = None,
    sheet_origin: str | None = None,
) -> CheckedRun:
    """Check the parameters of a run, how they go together, and what they name.

    Args:
        schema: the parameters.
        given: as for `check_parameters`; one that is not in it has no value, whatever its default.
        launch_dir: where the run starts.
        wrong: a line for each parameter that is known to be wrong, by its name.
        profiles: those that are chosen.
        sheet: local copy of a samplesheet that is elsewhere; without one its rows are not checked.
        sheet_origin: URL of that samplesheet.
    """
    checked = check_parameters(schema, given)
    values = checked.values
    # One mistake of a parameter is enough.
    starts = tuple(f"--{name} " for name in wrong)
    errors = [*wrong.values(), *(line for line in checked.errors if not line.startswith(starts))]
    notes = list(checked.notes)
    errors += _problems_of_devices(values, profiles)
    errors += _problems_of_dry_run(values)
    errors += _problems_of_benchmark(schema, values)
    trace = values.get("baseline_trace")
    if trace is not None and not is_url(trace) and not is_there(launch_dir / trace):
        errors.append(f"--baseline_trace {trace}: there is no such file")
    samples: list[Sample] = []
    task, name = values.get("task"), values.get("input")
    if "input" in wrong:
        pass
    elif task == "train":
        # Its input is a sheet of genomes; lib/Genomes.groovy reads it.
        errors += _problems_of_training(values)
    elif not isinstance(name, str) or name == "-":
        pass  # what is no text has been told where it may not be so
    elif is_sheet(name):
        if task != "benchmark" and (sheet is not None or not is_url(name)):
            if values.get("sample") is not None:
                errors.append("--sample is for one file; a samplesheet names its samples itself")
            try:
                reading = read_sheet(
                    sheet or launch_dir / name,
                    launch_dir=launch_dir,
                    schema=_ROW_SCHEMA,
                    origin=sheet_origin,
                )
            except SheetError as error:
                errors += error.lines
            except InputError as error:
                errors.append(f"--input {name}: {error}")
            else:
                notes += reading.notes
                samples = reading.samples
    elif not is_url(name):
        errors += _problems_of_file(launch_dir / name, name)
    return CheckedRun(values, tuple(errors), tuple(notes), tuple(samples))


def _problems_of_devices(values: Mapping[str, Any], profiles: Collection[str]) -> list[str]:
    """Devices that tasks would be given and not see."""
    if {"slurm", "docker"} <= set(profiles) and values.get("slurm_gres") is not None:
        return [
            "--slurm_gres does not reach Docker, which knows nothing of the devices of a job; "
            "use -profile slurm,apptainer or slurm,singularity"
        ]
    device = str(values.get("device"))
    if "awsbatch" in profiles and device.startswith("cuda") and not values.get("aws_queue_gpu"):
        return [
            f"--device {device}: AWS Batch gives a device to jobs of --aws_queue_gpu only; name a "
            "queue of machines with GPUs"
        ]
    return []


def _problems_of_dry_run(values: Mapping[str, Any]) -> list[str]:
    """What ``--dry_run`` cannot tell."""
    if values.get("dry_run") is not True:
        return []
    problems = []
    if values.get("task") not in (None, "predict"):
        problems.append(f"--dry_run is for --task predict, not for {values['task']}; leave it out")
    if values.get("input") == "-":
        problems.append("--dry_run cannot read standard input, which is gone then; name a file")
    return problems


def _problems_of_benchmark(schema: ParameterSchema, values: Mapping[str, Any]) -> list[str]:
    """What is for ``--task benchmark`` and is given without it, and what that cannot take."""
    if values.get("task") != "benchmark":
        return [
            f"--{name} is for --task benchmark; leave it out"
            for name in ("suite", "quick", "against")
            if values.get(name) not in (None, False)
        ]
    known = schema.parameters()
    problems = [
        f"--{name} is not for --task benchmark, whose suites choose that themselves; leave it out"
        for name in _NOT_OF_BENCHMARK
        if values.get(name) not in (None, known[name].default)
    ]
    suite = values.get("suite")
    # A suite that does not exist is one mistake already.
    others = set(known["suite"].rules["enum"]) - set(_COMPARING_SUITES)
    if values.get("against") is not None and suite in others:
        problems.append(f"--suite {suite} compares with nothing else; leave out --against")
    given = values.get("input")
    if isinstance(given, str) and (given == "-" or is_sheet(given)):
        problems.append(f"--input {given}: a benchmark measures with one file of reads; name that")
    return problems


def _problems_of_training(values: Mapping[str, Any]) -> list[str]:
    """Parameters of ``--task train`` that contradict each other."""
    problems = []
    shortest, longest = values["shortest_window"], values["longest_window"]
    if _are_numbers(shortest, longest) and longest < shortest:
        problems.append(
            f"--longest_window is {longest}, it must be at least --shortest_window ({shortest})"
        )
    shares = validation, test = values["validation_share"], values["test_share"]
    if _are_numbers(*shares) and (min(shares) <= 0 or sum(shares) >= 1):
        problems.append(
            f"--validation_share is {validation} and --test_share {test}; both must be above 0, "
            "and leave something to train on"
        )
    return problems


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _problems_of_file(path: Path, given: str) -> list[str]:
    if not is_there(path):
        # A pattern in quotes, or names in a row.
        is_many = re.search(r"[*?\[\]{},;\s]", given)
        hint = "; several files go into a samplesheet (docs/usage.md#samplesheet)"
        return [f"--input {given}: there is no such file{hint if is_many else ''}"]
    if not path.is_file():
        return [f"--input {given}: this is not a file; name a file with sequences or a samplesheet"]
    return []
