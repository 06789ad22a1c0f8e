"""The dataset directory: what ``virnucpro train data`` writes and fitting reads.

::

    <dataset>/windows.tsv     a row per window, in the order of the shards' record numbers
    <dataset>/genomes.tsv     a row per genome: class, cluster, part, digest
    <dataset>/overlap.tsv     stretches that a genome shares with one of the other class
    <dataset>/windows.fasta.gz   the windows' letters, also of those without a frame
    <dataset>/dataset.json    settings, counts, digests of the other files
    <dataset>/shards/*.h5     the windows' frames, as ``virnucpro embed`` takes them
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from virnucpro_core._files import AtomicFile, sha256_of_file
from virnucpro_core._frame_rule import FrameRule, parse_frame_rule
from virnucpro_core.errors import StoreError, UsageError
from virnucpro_core.store import read_shard
from virnucpro_core.training._dataset_tables import (
    GenomeRow,
    OverlapRow,
    WindowTable,
    read_rows,
    read_windows,
    write_rows,
    write_windows,
)
from virnucpro_core.training._window_sequences import WINDOW_SEQUENCES

__all__ = ["Dataset", "write_dataset"]

_KIND = "virnucpro-dataset"
_SCHEMA_VERSION = 1
_REMEDY = "make the dataset again with 'virnucpro train data'"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset directory.

    Attributes:
        path: the directory.
        sha256: digest (hex) of ``dataset.json``, which holds the digests of all other files.
        name: of the dataset, part of the shards' file names.
        version: of the program that made it.
        settings: how the windows were drawn and the genomes split, the seed included.
        counts: windows, frames and clusters by class and part.
        windows: ``W`` windows; window ``i`` is record ``i`` of the shards.
        genomes: sorted by name.
        overlaps: stretches shared between the classes.
        shards: the shard files in order.
        shard_digests: of their content, see `FrameShard.digest`, in the same order.
    """

    path: Path
    sha256: str
    name: str
    version: str
    settings: Mapping[str, Any]
    counts: Mapping[str, Any]
    windows: WindowTable
    genomes: list[GenomeRow]
    overlaps: list[OverlapRow]
    shards: list[Path]
    shard_digests: list[str]

    @property
    def frame_rule(self) -> FrameRule:
        """Which frames the windows have; where the settings do not say it, ``complete``.

        Raises:
            StoreError: there is no such rule.
        """
        try:
            windows = self.settings.get("windows", {})
            return parse_frame_rule(str(windows.get("frame_rule", "complete")))
        except UsageError as error:
            raise StoreError(
                error.what, where=str(self.path / "dataset.json"), remedy=_REMEDY
            ) from error

    @classmethod
    def open(cls, path: Path) -> Dataset:
        """Read the tables and compare them with their digests; shards are checked when read.

        Raises:
            StoreError: a file is missing, altered or of another schema version.
        """
        document = _document(path / "dataset.json")
        for name, digest in document["files"].items():
            if _digest(path / name) != digest:
                raise StoreError("has been altered", where=str(path / name), remedy=_REMEDY)
        return cls(
            path=path,
            sha256=_digest(path / "dataset.json"),
            name=document["name"],
            version=document["version"],
            settings=document["settings"],
            counts=document["counts"],
            windows=read_windows(path / "windows.tsv"),
            genomes=read_rows(path / "genomes.tsv", GenomeRow),
            overlaps=read_rows(path / "overlap.tsv", OverlapRow),
            shards=[path / "shards" / name for name in document["shards"]],
            shard_digests=list(document["shards"].values()),
        )


def write_dataset(
    path: Path,
    *,
    name: str,
    version: str,
    settings: Mapping[str, Any],
    counts: Mapping[str, Any],
    windows: WindowTable,
    genomes: list[GenomeRow],
    overlaps: list[OverlapRow],
    shards: list[Path],
) -> Dataset:
    """Write the tables and, last, ``dataset.json`` beside shards and windows that are there.

    Raises:
        StoreError: a file cannot be written, or a shard cannot be read.
    """
    write_windows(path / "windows.tsv", windows)
    write_rows(path / "genomes.tsv", genomes, GenomeRow)
    write_rows(path / "overlap.tsv", overlaps, OverlapRow)
    document = {
        "kind": _KIND,
        "schema_version": _SCHEMA_VERSION,
        "name": name,
        "version": version,
        "settings": dict(settings),
        "counts": dict(counts),
        "files": {
            name: _digest(path / name)
            for name in ("windows.tsv", "genomes.tsv", "overlap.tsv", WINDOW_SEQUENCES)
        },
        "shards": {shard.name: read_shard(shard).digest() for shard in shards},
    }
    with AtomicFile(path / "dataset.json") as file:
        file.write((json.dumps(document, indent=2) + "\n").encode())
    return Dataset.open(path)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from error
    if not isinstance(document, dict) or document.get("kind") != _KIND:
        raise StoreError("is not of a training dataset", where=str(path), remedy=_REMEDY)
    if document.get("schema_version") != _SCHEMA_VERSION:
        raise StoreError(
            f"has schema version {document.get('schema_version')}, "
            f"this program reads {_SCHEMA_VERSION}",
            where=str(path),
            remedy=_REMEDY,
        )
    for key, kind in (("files", dict), ("shards", dict), ("settings", dict), ("counts", dict),
                      ("name", str), ("version", str)):  # fmt: skip
        if not isinstance(document.get(key), kind):
            raise StoreError(f"has no {key}", where=str(path), remedy=_REMEDY)
    return document


def _digest(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError as error:
        raise StoreError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from error
