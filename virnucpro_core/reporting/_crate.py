"""A results folder as a Workflow Run RO-Crate (https://w3id.org/ro/wfrun/workflow/0.5)."""

from __future__ import annotations

import json
import mimetypes
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from virnucpro_core._files import AtomicFile
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.reporting._json_files import read_json_object
from virnucpro_core.reporting._run_samples import read_run_samples
from virnucpro_core.reporting._trace import Task, read_trace

if TYPE_CHECKING:
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

__all__ = ["write_crate"]

_METADATA = "ro-crate-metadata.json"
_WORKFLOW = "pipeline_info/main.nf"
_PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0"),
)
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
"""Has the term sha256; only named in the file, never fetched."""


def write_crate(results: Path, workflow: Path) -> Path:
    """Write ``ro-crate-metadata.json`` into a results folder: its files, inputs, model, parameters.

    A copy of ``workflow`` is put beside the trace, as the profile wants the workflow in the crate.

    Args:
        results: what ``--outdir`` named.
        workflow: ``main.nf`` of the pipeline.

    Returns:
        The file that was written.

    Raises:
        StoreError: no folder in ``results`` has a ``run.json``, or one cannot be read.
        InputError: ``workflow`` or the trace cannot be read.
        UsageError: the package rocrate is not installed.
    """
    runs = [
        read_json_object(results / sample.name / "run.json") for sample in read_run_samples(results)
    ]
    tasks = _tasks(results)
    crate = _new_crate()
    (results / "pipeline_info").mkdir(exist_ok=True)
    try:
        shutil.copyfile(workflow, results / _WORKFLOW)
    except OSError as error:
        raise InputError(
            f"cannot be copied ({error})", where=str(workflow), remedy="name main.nf by --workflow"
        ) from error
    versions = runs[0].get("versions") or {}
    pipeline = crate.add_workflow(
        results / _WORKFLOW,
        _WORKFLOW,
        main=True,
        lang="nextflow",
        lang_version=versions.get("nextflow"),
        properties={"name": "VirNucPro-NF", "version": versions.get("virnucpro")},
    )
    files = [
        crate.add_file(path, name, properties=_about(path, name))
        for path in sorted(results.rglob("*"))
        if path.is_file() and (name := path.relative_to(results).as_posix()) != _WORKFLOW
        if name != _METADATA
    ]
    names = ", ".join(str(run["sample"]) for run in runs)
    action = crate.add_action(
        pipeline,
        "#run",
        object=[*_inputs(crate, runs), *_parameters(crate, runs[0])],
        result=files,
        properties={
            "name": f"VirNucPro-NF on {names}",
            "description": " ".join(runs[0].get("command") or ()),
        },
    )
    begun = [task.submitted for task in tasks if task.submitted is not None]
    ended = [task.completed for task in tasks if task.completed is not None]
    if begun and ended:
        action["startTime"], action["endTime"] = _moment(min(begun)), _moment(max(ended))
        crate.datePublished = datetime.fromtimestamp(max(ended), timezone.utc)
    crate.name = f"Viral sequences in {names}"
    crate.description = "Results of VirNucPro-NF"
    crate.root_dataset["mentions"] = [action]
    path = results / _METADATA
    with AtomicFile(path) as file:
        file.write((json.dumps(crate.metadata.generate(), indent=2) + "\n").encode())
    return path


def _new_crate() -> ROCrate:
    try:
        from rocrate.model.contextentity import ContextEntity
        from rocrate.rocrate import ROCrate
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the Python package {error.name} is not installed",
            remedy="pip install 'virnucpro-core[crate]'",
        ) from error
    # The run profiles are of this version.
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(_TERMS)
    crate.root_dataset["conformsTo"] = [
        crate.add(
            ContextEntity(crate, url, {"@type": "CreativeWork", "name": name, "version": version})
        )
        for url, name, version in _PROFILES
    ]
    return crate


def _entity(crate: ROCrate, name: str, properties: Mapping[str, Any]) -> ContextEntity:
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, name, dict(properties)))


def _inputs(crate: ROCrate, runs: Sequence[Mapping[str, Any]]) -> list[ContextEntity]:
    """The reads of all samples and the model, which are not in the crate: by their digests."""
    found = [
        (f"#{run['sample']}/{given['name']}", given["name"], given["sha256"], given["bytes"])
        for run in runs
        for given in run.get("inputs") or ()
    ]
    entities = [
        _entity(
            crate,
            name,
            {"@type": "MediaObject", "name": file, "sha256": digest, "contentSize": str(size)},
        )
        for name, file, digest, size in found
    ]
    model = runs[0]["bundle"]
    about = {"@type": "CreativeWork", "name": model["name"], "sha256": model["sha256"]}
    return [*entities, _entity(crate, "#model", about)]


def _parameters(crate: ROCrate, run: Mapping[str, Any]) -> list[ContextEntity]:
    return [
        _entity(
            crate,
            f"#parameter-{name}",
            {"@type": "PropertyValue", "name": name, "value": _plain(value)},
        )
        for name, value in sorted((run.get("parameters") or {}).items())
        if value is not None
    ]


def _about(path: Path, name: str) -> dict[str, str]:
    about = {"name": name, "contentSize": str(path.stat().st_size)}
    kind, packing = mimetypes.guess_type(name)
    if packing == "gzip":
        kind = "application/gzip"
    return about if kind is None else {**about, "encodingFormat": kind}


def _tasks(results: Path) -> list[Task]:
    trace = results / "pipeline_info" / "trace.txt"
    try:
        return read_trace(trace) if trace.exists() else []
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", where=str(trace)) from error


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


def _plain(value: Any) -> str | int | float | bool:
    return value if isinstance(value, str | int | float) else json.dumps(value)
