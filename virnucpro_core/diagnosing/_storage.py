"""Models that are here, checkpoints that were left, and folders that can be written to."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from virnucpro_core.diagnosing._finding import Finding, Level, failed
from virnucpro_core.errors import StoreError, VirnucproError
from virnucpro_core.models import (
    bundle_folders,
    cache_folder,
    format_size,
    list_models,
    load_bundle,
)
from virnucpro_core.store import DirectoryStore, list_checkpoints, open_store, verify_checkpoint

__all__ = ["examine_checkpoints", "examine_folders", "examine_models"]

MODELS = "Models"
CHECKPOINTS = "Checkpoints"
FOLDERS = "Folders"

_MOST_READ = 1_000_000_000
"""Bytes that are read to compare digests; of more, a command of its own does that."""

_LITTLE_SPACE = 5_000_000_000
_NO_SPACE = 100_000_000


def examine_models() -> Iterator[Finding]:
    """The bundles that have a name, and the caches of what was fetched."""
    bundles = [model for model in list_models() if model.kind == "bundle"]
    for model in bundles:
        size = format_size(model.n_bytes)
        if model.state == "not fetched":
            text = f"not fetched ({size}); get it: virnucpro model fetch {model.name}"
            yield Finding(MODELS, model.name, text, values={"fetched": False})
            continue
        if not Path(model.state).is_dir():
            remedy = f"fetch or train it again; virnucpro model verify {model.name} tells more"
            yield Finding(MODELS, model.name, model.state, Level.PROBLEM, remedy)
            continue
        try:
            # By its folder: a folder of the same name where we are must not come before it.
            bundle = load_bundle(Path(model.state))
            if model.n_bytes <= _MOST_READ:
                bundle.verify()
                text = f"{len(bundle.spec.files)} files are as bundle.json says"
            else:
                text = f"all files there, not read; to verify: virnucpro model verify {model.name}"
        except VirnucproError as error:
            yield failed(MODELS, model.name, error)
            continue
        values = {
            "fetched": True,
            "path": str(bundle.path),
            "sha256": bundle.sha256,
            "n_bytes": model.n_bytes,
        }
        yield Finding(MODELS, model.name, f"{bundle.path}, {size}, {text}", values=values)
    if not any(model.state != "not fetched" for model in bundles):
        yield Finding(
            MODELS,
            "bundles",
            "none is here",
            Level.WARNING,
            "fetch one (virnucpro model fetch virnucpro-500), or give a folder as --model",
        )
    from huggingface_hub import constants

    for folder in bundle_folders():
        try:
            folder.is_dir()
        except OSError as error:
            yield _closed("folder of models", folder, error, "VIRNUCPRO_MODELS")
    yield _cache("hub cache", Path(constants.HF_HUB_CACHE), "HF_HUB_CACHE")
    yield _cache("bundle cache", cache_folder(), "VIRNUCPRO_CACHE")


def _cache(name: str, folder: Path, variable: str) -> Finding:
    try:
        # The hub's cache names its files by links into itself, which must not count twice.
        files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        n_bytes = sum(path.stat().st_size for path in files)
    except OSError as error:
        return _closed(name, folder, error, variable)
    text = f"{folder}, {format_size(n_bytes)}" if n_bytes else f"{folder}, empty"
    return Finding(MODELS, name, text, values={"path": str(folder), "n_bytes": n_bytes})


def _closed(name: str, folder: Path, error: OSError, variable: str) -> Finding:
    """A folder that may not be looked into."""
    text = f"{folder} cannot be read ({error.strerror or error})"
    remedy = f"check its permissions, or set {variable} to a folder of yours"
    return Finding(MODELS, name, text, Level.WARNING, remedy, {"path": str(folder)})


def examine_checkpoints(location: str) -> Iterator[Finding]:
    """A checkpoint store: what unfinished runs have left in it, and whether that can be used."""
    try:
        store = open_store(location)
        if isinstance(store, DirectoryStore):
            _try_writing(Path(store.location))
        found = list_checkpoints(store)
        n_bytes = sum(summary.n_bytes for summary in found)
        n_parts = sum(summary.n_parts for summary in found)
        values = {"location": store.location, "checkpoints": len(found), "n_bytes": n_bytes}
        text = f"{store.location}: {len(found)} checkpoints, {n_parts} parts"
        if found:
            oldest = min(summary.modified for summary in found)
            days = (time.time() - oldest) / 86_400
            written = datetime.fromtimestamp(oldest).isoformat(" ", "minutes")
            text += f", {format_size(n_bytes)}, the oldest of {written}"
            values["oldest_days"] = round(days, 2)
        if n_bytes > _MOST_READ:
            command = f"virnucpro doctor checkpoints --checkpoint-dir {location} --verify"
            yield Finding(CHECKPOINTS, "store", f"{text}; to verify: {command}", values=values)
            return
        bad = [part for summary in found for part in verify_checkpoint(store, summary)]
    except VirnucproError as error:
        yield failed(CHECKPOINTS, "store", error)
        return
    if bad:
        yield Finding(
            CHECKPOINTS,
            "store",
            f"{text}; {len(bad)} files cannot be used, the first is {bad[0].name}: {bad[0].reason}",
            Level.WARNING,
            "nothing is lost but time: a run embeds what is in them again; to clear them away, "
            "virnucpro doctor checkpoints --remove KEY",
            {**values, "bad_parts": len(bad)},
        )
    else:
        yield Finding(CHECKPOINTS, "store", f"{text}, all as written", values=values)


def examine_folders(folders: dict[str, Path]) -> Iterator[Finding]:
    """Whether a file can be written to each folder, and how much space there is.

    Args:
        folders: by name; one that does not exist yet is judged by where it would be made.
    """
    for name, folder in folders.items():
        try:
            there, free = _try_writing(folder)
        except StoreError as error:
            yield failed(FOLDERS, name, error)
            continue
        made = "" if there == folder.absolute() else " (not made yet)"
        text = f"{folder}{made}, {format_size(free)} free"
        values = {"path": str(folder), "free_bytes": free}
        if free >= _LITTLE_SPACE:
            yield Finding(FOLDERS, name, text, values=values)
            continue
        level = Level.PROBLEM if free < _NO_SPACE else Level.WARNING
        yield Finding(FOLDERS, name, text, level, "make room, or name another folder", values)


def _try_writing(folder: Path) -> tuple[Path, int]:
    """Write a file to a folder, or to where it would be made, and remove it again.

    Returns:
        the folder that was written to, and the bytes that are free there.

    Raises:
        StoreError: that cannot be done.
    """
    there = folder.absolute()
    try:
        while not there.exists():
            there = there.parent
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"virnucpro")
            file.flush()
        return there, shutil.disk_usage(there).free
    except OSError as error:
        raise StoreError(
            f"cannot be written ({error.strerror or error})",
            where=str(there),
            remedy="check its permissions and free space, or name another folder",
        ) from error
