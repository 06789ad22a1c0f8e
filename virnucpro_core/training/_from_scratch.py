"""A bundle from genomes alone: a dataset, encoders fitted on it, then what every training does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from virnucpro_core.embedding import Precision, resolve_settings
from virnucpro_core.errors import UsageError
from virnucpro_core.models import (
    Bundle,
    ClassifierConfig,
    DnabertS,
    Esm2,
    MlpClassifier,
    load_bundle,
    write_bundle,
)
from virnucpro_core.training._codon_pairs import CODON_PAIRS
from virnucpro_core.training._dataset import Dataset
from virnucpro_core.training._embed_dataset import embed_dataset
from virnucpro_core.training._encoders import EncoderRecipe, fit_encoders
from virnucpro_core.training._fit_bundle import fit_bundle
from virnucpro_core.training._labelled_frames import LabelledFrames
from virnucpro_core.training._make_dataset import DatasetSettings
from virnucpro_core.training._resume_dataset import open_or_make_dataset
from virnucpro_core.training._window_settings import WindowSettings

__all__ = ["ModelRecipe", "train_from_scratch"]

_LICENCE = "MIT"


def _dataset_settings() -> DatasetSettings:
    # Families are kept apart by the sheet. What remains alike between them are genes that all
    # bacteria share.
    windows = WindowSettings(
        windows=400_000,
        shortest=100,
        longest=500,
        test_lengths=(150, 300, 500),
        frame_rule="longest",
    )
    return DatasetSettings(windows=windows, similarity=0.02, name="genomes")


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """All numbers that make a bundle from genomes.

    Attributes:
        dataset: windows, and how alike genomes of two parts may be.
        encoders: shape and fitting of the encoders.
        classifier: name of the recipe of the classifier.
        threads: of torch, while the dataset is embedded.
    """

    dataset: DatasetSettings = field(default_factory=_dataset_settings)
    encoders: EncoderRecipe = field(default_factory=EncoderRecipe)
    classifier: str = "default"
    threads: int = 2


def train_from_scratch(
    sheet: Path,
    bundle: Path,
    work: Path,
    recipe: ModelRecipe,
    log: Callable[[str], None],
    *,
    description: str = "",
) -> tuple[Bundle, dict[str, Any]]:
    """Fit encoders and a classifier on the genomes of a sheet and write the bundle.

    Stopped and called again with the same arguments, it goes on where it was.

    Args:
        sheet: genomes with label, group and split.
        bundle: directory to make; it must not exist yet.
        work: directory for the dataset, checkpoints, the fitted encoders and the embeddings.
        log: called with lines of progress.
        description: of the bundle; empty for one that names the dataset.

    Returns:
        The bundle, and the document of ``evaluation.json``.

    Raises:
        InputError: the genomes cannot be used.
        UsageError: ``work`` is of other genomes or settings, or the bundle exists.
        BundleError: the bundle cannot be written.
    """
    if bundle.exists():
        raise UsageError("exists already", where=str(bundle), remedy="name a new directory")
    work.mkdir(parents=True, exist_ok=True)
    dataset = open_or_make_dataset(sheet, work / "dataset", recipe.dataset, log)
    # Sums are added in another order with another number of threads.
    torch.set_num_threads(1)
    encoders = _encoders(dataset, work, recipe.encoders, log)
    torch.set_num_threads(recipe.threads)
    settings = resolve_settings("cpu", Precision.FP32, 0)
    dna, protein = embed_dataset(dataset, encoders.path, work / "embeddings", settings, log)
    return fit_bundle(
        dataset,
        dna,
        protein,
        encoders,
        bundle,
        log,
        description=description,
        recipe=recipe.classifier,
    )


def _encoders(
    dataset: Dataset, work: Path, recipe: EncoderRecipe, log: Callable[[str], None]
) -> Bundle:
    """Encoders in a bundle of their own, whose classifier knows nothing yet."""
    folder = work / "encoders"
    if folder.exists():
        made = load_bundle(folder)
        if made.spec.training.get("recipe") != asdict(recipe):
            raise UsageError(
                "has encoders of another recipe", where=str(work), remedy="name another --work"
            )
        log(f"{folder}: there already")
        return made
    train = LabelledFrames.of_part(dataset, "train")
    validation = LabelledFrames.of_part(dataset, "validation")
    tokenizer_file = work / "tokenizer.json"
    CODON_PAIRS.write(tokenizer_file)
    # A checkpoint is of use for this recipe and these windows only.
    what = hashlib.sha256(f"{dataset.sha256} {recipe}".encode()).hexdigest()
    scratch = work / "checkpoints" / what[:16]
    scratch.mkdir(parents=True, exist_ok=True)
    dna, protein = fit_encoders(train, validation, recipe, scratch, log)
    return write_bundle(
        folder,
        name=f"{dataset.name}-encoders",
        description="Encoders fitted from nothing, with a classifier of random weights.",
        licence=_LICENCE,
        window_size=int(dataset.windows.length.max()),
        frame_rule=dataset.frame_rule,
        dna=dna,
        dna_tokenizer=tokenizer_file,
        protein=protein,
        classifier=_untrained(dna, protein),
        training={
            "procedure": (
                "Both encoders were fitted from random weights to tell viral from other frames of "
                "the training genomes' windows, each with a head of its own. The DNA encoder's "
                "tokens are pairs of neighbouring codons; their embeddings were fitted as sums of "
                "embeddings of 4-mers, a codon and two amino acids."
            ),
            "recipe": asdict(recipe),
            "encoder_genomes": [
                {"name": row.genome, "label": row.label, "group": row.group, "sha256": row.sha256}
                for row in dataset.genomes
                if row.split == "train"
            ],
        },
    )


def _untrained(dna: DnabertS, protein: Esm2) -> MlpClassifier:
    return MlpClassifier(ClassifierConfig(dna.width + protein.width, 1)).eval()
