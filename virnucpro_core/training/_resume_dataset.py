"""Going on with the dataset of an earlier run, as long as it is the one that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from virnucpro_core.errors import UsageError
from virnucpro_core.training._dataset import Dataset
from virnucpro_core.training._dataset_tables import LABELS, PARTS, GenomeRow
from virnucpro_core.training._genome_files import read_genome
from virnucpro_core.training._make_dataset import DatasetSettings, make_dataset, make_test_dataset
from virnucpro_core.training._sheet import SheetRow, read_sheet

__all__ = ["open_or_make_dataset"]


def open_or_make_dataset(
    genomes: Path,
    folder: Path,
    settings: DatasetSettings,
    log: Callable[[str], None],
    *,
    is_test: bool = False,
) -> Dataset:
    """The dataset in ``folder``, made unless it is there already.

    One that is there must have been made of the same genomes with the same settings; all genomes
    are read for that.

    Args:
        is_test: make it with `make_test_dataset`, to which a sheet's split is nothing.

    Raises:
        UsageError: the dataset that is there is another.
        VirnucproError: as `make_dataset` and `Dataset.open` do.
    """
    if not folder.exists():
        make = make_test_dataset if is_test else make_dataset
        return make(genomes, folder, settings, log)
    rows = read_sheet(genomes)
    dataset = Dataset.open(folder)
    if dataset.settings != settings.to_json():
        raise UsageError(
            "was made with other settings",
            where=str(folder),
            remedy="give the same ones, or another --output",
        )
    difference = _first_difference(dataset.genomes, rows, genomes, has_split=not is_test)
    if difference is not None:
        raise UsageError(
            f"was made of other genomes: {difference}",
            where=str(folder),
            remedy="give the same ones, or another --output",
        )
    log(f"{folder}: there already")
    return dataset


def _first_difference(
    known: list[GenomeRow], rows: list[SheetRow], sheet: Path, *, has_split: bool
) -> str | None:
    of_name = {genome.genome: genome for genome in known}
    # Names and what the sheet says first: the letters take the longest to compare.
    for row in rows:
        if row.name not in of_name:
            return f"it has no {row.name}, which {row.where} names"
    left = of_name.keys() - {row.name for row in rows}
    if left:
        return f"it has {min(left)}, which {sheet} does not name"
    for row in rows:
        genome = of_name[row.name]
        told = [("label", genome.label, LABELS[row.label]), ("group", genome.group, row.group)]
        if has_split and row.split is not None:
            told.append(("split", genome.split, PARTS[row.split]))
        for what, there, here in told:
            if there != here:
                return f"the {what} of {row.name} is {there} there and {here} in {row.where}"
    for row in rows:
        if read_genome(row.path).sha256 != of_name[row.name].sha256:
            return f"{row.name} has other letters there than in {row.path}"
    return None
