"""From labelled genomes to a dataset directory: read, cluster, split, draw, write."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from virnucpro_core import __version__
from virnucpro_core._files import commit, temporary_beside, write_failure
from virnucpro_core.errors import InputError, UsageError
from virnucpro_core.sequences import FrameBlock, ShardBuilder, check_sample_name
from virnucpro_core.store import FrameShard, write_shard
from virnucpro_core.training._clusters import (
    DEFAULT_SIMILARITY,
    cluster_groups,
    find_likenesses,
)
from virnucpro_core.training._collection import CollectedGenome, collect_genomes
from virnucpro_core.training._dataset import Dataset, write_dataset
from virnucpro_core.training._dataset_tables import LABELS, PARTS, GenomeRow, OverlapRow
from virnucpro_core.training._draw import DrawnWindows, WindowDrawer
from virnucpro_core.training._overlap import describe_overlaps, find_overlaps
from virnucpro_core.training._sheet import read_sheet
from virnucpro_core.training._split import SplitShares, check_split, split_clusters
from virnucpro_core.training._window_rows import WindowRows
from virnucpro_core.training._window_sequences import (
    WINDOW_SEQUENCES,
    WindowSequenceWriter,
    create_window_sequences,
)
from virnucpro_core.training._window_settings import WindowSettings

__all__ = ["DatasetSettings", "make_dataset", "make_test_dataset"]


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """All that makes a dataset beside the genomes.

    Attributes:
        windows: how windows are drawn.
        shares: of the parts.
        similarity: share of protein k-mers from which genomes are kin, 0 to 1.
        name: of the dataset, part of the shards' file names.
        shard_frames: frames in a shard.
    """

    windows: WindowSettings = field(default_factory=WindowSettings)
    shares: SplitShares = field(default_factory=SplitShares)
    similarity: float = DEFAULT_SIMILARITY
    name: str = "training"
    shard_frames: int = 20_000

    def __post_init__(self) -> None:
        check_sample_name(self.name)
        if not 0 < self.similarity <= 1:
            raise UsageError(f"the similarity {self.similarity} is not above 0 and at most 1")
        if self.shard_frames < 1:
            raise UsageError(f"shard size {self.shard_frames} is not a positive number")

    def to_json(self) -> dict[str, Any]:
        """As in ``dataset.json``."""
        return {
            "windows": self.windows.to_json(),
            "shares": asdict(self.shares),
            "similarity": self.similarity,
            "shard_frames": self.shard_frames,
        }


def make_dataset(
    genomes: Path, output: Path, settings: DatasetSettings, log: Callable[[str], None]
) -> Dataset:
    """Make the dataset directory ``output`` of a sheet or a folder of genomes.

    The same genomes and settings give the same dataset, whatever the order of the files. Memory
    holds one genome, the sketches of all, and the rows of the windows; the letters of all genomes
    are on disk while this runs.

    Args:
        output: must not exist yet.
        log: called with lines that tell what was found.

    Raises:
        InputError: the sheet or a genome cannot be used as it is.
        UsageError: ``output`` exists, or a package is missing.
        StoreError: a file cannot be written.
    """
    if output.exists():
        raise UsageError("exists already", where=str(output), remedy="name a new directory")
    rows = read_sheet(genomes)
    with _directory(output) as folder, collect_genomes(rows, folder, log) as collected:
        if settings.windows.frames == "cds":
            _refuse_without_annotation(collected)
        pairs = find_likenesses(collected, settings.similarity)
        clusters = cluster_groups(collected, pairs)
        if any(row.split is not None for row in rows):
            parts = check_split(collected, pairs)
        else:
            parts = split_clusters(collected, clusters, settings.shares, settings.windows.seed)
        log(_split_line(collected, clusters))
        overlaps = find_overlaps(collected)
        for line in describe_overlaps(overlaps):
            log(f"overlap: {line}")
        n_windows = _windows_of_parts(settings)
        _write(folder, collected, clusters, parts, overlaps, n_windows, settings, log)
    return Dataset.open(output)


def make_test_dataset(
    genomes: Path, output: Path, settings: DatasetSettings, log: Callable[[str], None]
) -> Dataset:
    """As `make_dataset`, but all windows are for testing, and genomes may be as alike as they are.

    Raises:
        VirnucproError: as `make_dataset`.
    """
    if output.exists():
        raise UsageError("exists already", where=str(output), remedy="name a new directory")
    rows = read_sheet(genomes)
    with _directory(output) as folder, collect_genomes(rows, folder, log) as collected:
        overlaps = find_overlaps(collected)
        for line in describe_overlaps(overlaps):
            log(f"overlap: {line}")
        parts = [PARTS.index("test")] * len(rows)
        n_windows = [settings.windows.windows if part == "test" else 0 for part in PARTS]
        groups = [row.group for row in rows]
        _write(folder, collected, groups, parts, overlaps, n_windows, settings, log)
    return Dataset.open(output)


def _write(
    folder: Path,
    genomes: list[CollectedGenome],
    clusters: list[str],
    parts: list[int],
    overlaps: list[OverlapRow],
    n_windows: list[int],
    settings: DatasetSettings,
    log: Callable[[str], None],
) -> None:
    """Draw ``n_windows`` of each class for each part, and write the dataset into ``folder``."""
    writer = _ShardWriter(folder, settings)
    with create_window_sequences(folder / WINDOW_SEQUENCES) as sequences:
        table, counts = _draw(
            genomes, clusters, parts, overlaps, n_windows, settings, writer, sequences, log
        )
    writer.finish()
    write_dataset(
        folder,
        name=settings.name,
        version=__version__,
        settings=settings.to_json(),
        counts=counts,
        windows=table.to_table(),
        genomes=[
            _genome_row(genome, cluster, PARTS[part])
            for genome, cluster, part in zip(genomes, clusters, parts, strict=True)
        ],
        overlaps=overlaps,
        shards=writer.paths,
    )


class _ShardWriter:
    """Writes the frames of drawn windows as shards."""

    def __init__(self, folder: Path, settings: DatasetSettings) -> None:
        self._folder = folder / "shards"
        windows = settings.windows
        self._builder = ShardBuilder(
            settings.name, windows.window_size, settings.shard_frames, windows.frame_rule
        )
        self.paths: list[Path] = []

    def add(self, drawn: DrawnWindows, ids: list[str], first_row: int) -> None:
        """Add the frames of windows whose first is row ``first_row`` of the table."""
        block = FrameBlock(
            record_index=drawn.window + first_row,
            record_id=np.array(ids, dtype=np.object_)[drawn.window],
            chunk=np.ones(len(drawn.window), dtype=np.int32),
            chunk_length=drawn.length[drawn.window].astype(np.int32),
            frame=drawn.frame,
            nucleotides=drawn.nucleotides,
            proteins=drawn.proteins,
            first_codon=drawn.first_codon.astype(np.int32),
        )
        self._write(self._builder.add(block))

    def finish(self) -> None:
        """Write what is left."""
        self._write(self._builder.finish())

    def _write(self, shards: Iterator[FrameShard]) -> None:
        for shard in shards:
            path = self._folder / f"{shard.sample}.shard_{shard.index:05d}.h5"
            write_shard(shard, path)
            self.paths.append(path)


def _draw(
    genomes: list[CollectedGenome],
    clusters: list[str],
    parts: list[int],
    overlaps: list[OverlapRow],
    windows_of_parts: list[int],
    settings: DatasetSettings,
    writer: _ShardWriter,
    sequences: WindowSequenceWriter,
    log: Callable[[str], None],
) -> tuple[WindowRows, dict[str, Any]]:
    avoid: dict[str, list[OverlapRow]] = {}
    if not settings.windows.keep_overlap:
        for overlap in overlaps:
            avoid.setdefault(overlap.genome, []).append(overlap)
    table = WindowRows(genomes, clusters, parts)
    counts: dict[str, Any] = {}
    for part, n_windows in enumerate(windows_of_parts):
        # A part that is to have no windows has no draw.
        for label, kind in enumerate(LABELS if n_windows else ()):
            mine = [
                i for i, genome in enumerate(genomes)
                if parts[i] == part and genome.row.label == label
            ]  # fmt: skip
            # A generator for each draw: more genomes in one part do not change another's windows.
            random = np.random.default_rng([settings.windows.seed, part, label])
            drawer = WindowDrawer(genomes, mine, PARTS[part], settings.windows, avoid, random)
            for drawn in drawer.draw(n_windows):
                ids, first_row = table.append(drawn)
                writer.add(drawn, ids, first_row)
                sequences.add(ids, drawn.letters)
            found = drawer.counts
            counts[f"{PARTS[part]} {kind}"] = {
                "genomes": len(mine),
                "clusters": len({clusters[i] for i in mine}),
                **asdict(found),
            }
            log(
                f"{PARTS[part]}, {kind}: {found.with_frame} windows with {found.frames} frames "
                f"of {len(mine)} genomes; {found.without_frame} without a frame, "
                f"{found.overlap} left out for an overlap, "
                f"{found.unknown + found.low_complexity} for want of information"
            )
            if found.with_frame < n_windows:
                log(f"warning: {PARTS[part]}, {kind}: {n_windows} windows were asked for")
            if not found.with_frame:
                raise InputError(
                    f"the genomes of the class {kind} in the part {PARTS[part]} have no window "
                    "with a frame",
                    remedy="give other genomes, shorter windows or another --seed",
                )
    return table, counts


def _windows_of_parts(settings: DatasetSettings) -> list[int]:
    """Windows of a class in each part; at least one."""
    total, shares = settings.windows.windows, settings.shares
    validation, test = (max(1, round(s * total)) for s in (shares.validation, shares.test))
    return [max(1, total - validation - test), validation, test]


def _refuse_without_annotation(genomes: list[CollectedGenome]) -> None:
    bare = [genome.row for genome in genomes if genome.coding is None]
    if bare:
        names = ", ".join(row.name for row in bare[:10]) + (", …" if len(bare) > 10 else "")
        raise InputError(
            f"{len(bare)} of {len(genomes)} genomes have no annotated coding sequence: {names}",
            where=bare[0].where,
            remedy="give GenBank files with CDS features, or choose --frames all",
        )


def _genome_row(genome: CollectedGenome, cluster: str, part: str) -> GenomeRow:
    return GenomeRow(
        genome=genome.row.name,
        label=LABELS[genome.row.label],
        group=genome.row.group,
        cluster=cluster,
        split=part,
        records=len(genome.length),
        bases=genome.n_bases,
        sha256=genome.sha256,
        file=genome.row.file,
    )


def _split_line(genomes: list[CollectedGenome], clusters: list[str]) -> str:
    counts = Counter(genome.row.label for genome in genomes)
    found = {(g.row.label, cluster) for g, cluster in zip(genomes, clusters, strict=True)}
    of_label = Counter(label for label, _ in found)
    return "; ".join(
        f"{kind}: {counts[i]} genomes in {of_label[i]} clusters" for i, kind in enumerate(LABELS)
    )


@contextmanager
def _directory(path: Path) -> Iterator[Path]:
    """A directory that is named ``path`` only once it is whole."""
    temporary = temporary_beside(path)
    try:
        try:
            temporary.mkdir(parents=True)
        except OSError as error:
            raise write_failure(path, error) from error
        yield temporary
        try:
            commit(temporary, path)
        except OSError as error:
            raise write_failure(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
