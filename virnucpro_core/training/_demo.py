"""Making the demo bundle from a folder of genomes: encoders, classifier, honest figures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.embedding import Precision, embed, resolve_settings
from virnucpro_core.models import (
    Bundle,
    DnabertS,
    DnabertSTokenizer,
    Esm2,
    Esm2Tokenizer,
    MlpClassifier,
    write_bundle,
)
from virnucpro_core.training._classifier import (
    ClassifierRecipe,
    fit_classifier,
    judge,
    window_scores,
)
from virnucpro_core.training._encoders import EncoderRecipe, fit_encoders, fit_tokenizer
from virnucpro_core.training._genomes import Genome, GenomeSplit, read_genomes, split_genomes
from virnucpro_core.training._windows import LabelledFrames, WindowSampler

__all__ = ["DemoRecipe", "train_demo_bundle"]


@dataclass(frozen=True, slots=True)
class DemoRecipe:
    """All numbers that make the demo bundle.

    Attributes:
        window_size: in bases.
        validation_share, test_share: of the genomes of each class.
        split_seed: chosen so that the human sequence is among the training genomes and a bacterium
            and a eukaryote are among the test genomes; no result was looked at.
        classifier_windows: windows whose frames the classifier is fitted on.
        judged_windows: windows per length that validation and test use.
        judged_lengths: in bases.
    """

    window_size: int = 500
    validation_share: float = 0.1
    test_share: float = 0.15
    split_seed: int = 20
    classifier_windows: int = 30_000
    judged_windows: int = 4_000
    judged_lengths: tuple[int, ...] = (500, 300, 150)
    encoders: EncoderRecipe = field(default_factory=EncoderRecipe)
    classifier: ClassifierRecipe = field(default_factory=ClassifierRecipe)


@dataclass(frozen=True, slots=True)
class _Encoders:
    dna: DnabertS
    dna_tokenizer: DnabertSTokenizer
    protein: Esm2

    def features(self, frames: LabelledFrames) -> NDArray[np.float32]:
        """float32 [F, W], DNA first."""
        settings = resolve_settings("cpu", Precision.FP32, 0)
        dna = embed(frames.nucleotides, self.dna, self.dna_tokenizer, settings)
        protein = embed(frames.proteins, self.protein, Esm2Tokenizer(), settings)
        return np.hstack([dna.values, protein.values])


def train_demo_bundle(
    genome_folder: Path, path: Path, recipe: DemoRecipe, log: Callable[[str], None]
) -> Bundle:
    """Train everything on ``<genome_folder>/{viral,cellular}/*.fa*`` and write the bundle.

    Args:
        path: directory to make; it must not exist yet.
        log: called with lines of progress.

    Raises:
        InputError: the genomes cannot be read or are too few.
        BundleError: the bundle cannot be written.
    """
    split = split_genomes(
        read_genomes(genome_folder),
        validation_share=recipe.validation_share,
        test_share=recipe.test_share,
        seed=recipe.split_seed,
    )
    with tempfile.TemporaryDirectory() as name:
        tokenizer_file = Path(name) / "tokenizer.json"
        tokenizer = fit_tokenizer(split.train, recipe.encoders, tokenizer_file)
        dna, protein = fit_encoders(split.train, tokenizer, recipe.encoders, log)
        encoders = _Encoders(dna, tokenizer, protein)
        classifier = _fit_on_genomes(split, encoders, recipe, log)
        return write_bundle(
            path,
            name="demo",
            description=(
                "A small model for demonstration and tests, trained on about a hundred genomes. "
                "It finds many viral reads; it is not meant for research."
            ),
            licence="MIT",
            window_size=recipe.window_size,
            dna=dna,
            dna_tokenizer=tokenizer_file,
            protein=protein,
            classifier=classifier,
            training=_training_record(split, recipe),
            accuracy=_measured(split, encoders, classifier, recipe, log),
        )


def _fit_on_genomes(
    split: GenomeSplit, encoders: _Encoders, recipe: DemoRecipe, log: Callable[[str], None]
) -> MlpClassifier:
    # Seeds differ from the encoders', so the classifier meets windows that they were not fitted on.
    shortest = recipe.encoders.shortest_window
    train = WindowSampler(split.train, recipe.classifier.seed + 1_000).draw(
        recipe.classifier_windows, shortest=shortest, longest=recipe.window_size
    )
    validation = WindowSampler(split.validation, recipe.classifier.seed + 2_000).draw(
        recipe.judged_windows, shortest=shortest, longest=recipe.window_size
    )
    log(f"classifier: {len(train.labels)} frames, validation: {len(validation.labels)} frames")
    return fit_classifier(
        (encoders.features(train), train.labels),
        (encoders.features(validation), validation.labels),
        recipe.classifier,
        log,
    )


def _measured(
    split: GenomeSplit,
    encoders: _Encoders,
    classifier: MlpClassifier,
    recipe: DemoRecipe,
    log: Callable[[str], None],
) -> dict[str, Any]:
    """Accuracy on the test genomes by window length, and for each genome at the full length."""
    by_length: dict[str, Any] = {}
    by_genome: dict[str, Any] = {}
    for length in recipe.judged_lengths:
        sampler = WindowSampler(split.test, recipe.classifier.seed + 3_000)
        frames = sampler.draw(recipe.judged_windows, shortest=length, longest=length)
        scores = window_scores(
            classifier, encoders.features(frames), frames.window, len(frames.window_labels)
        )
        by_length[str(length)] = judge(scores, frames.window_labels).to_json()
        log(f"test, {length} nt: {by_length[str(length)]}")
        if length == recipe.window_size:
            by_genome = _by_genome(split.test, frames, scores)
    return {
        "what": "windows of test genomes, in which neither encoders nor classifier had a part",
        "by_window_length": by_length,
        "by_test_genome": by_genome,
    }


def _by_genome(
    genomes: list[Genome], frames: LabelledFrames, scores: NDArray[np.float64]
) -> dict[str, Any]:
    result = {}
    for row, genome in enumerate(genomes):
        mine = scores[(frames.window_genomes == row) & ~np.isnan(scores)]
        right = (mine >= 0.5) == bool(genome.label)
        result[genome.name] = {
            "label": "viral" if genome.label else "cellular",
            "windows": len(mine),
            "accuracy": round(float(right.mean()), 4) if len(mine) else None,
        }
    return result


def _training_record(split: GenomeSplit, recipe: DemoRecipe) -> dict[str, Any]:
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    return {
        "procedure": (
            "Both encoders were fitted from random weights to tell viral from cellular frames of "
            "windows drawn from the training genomes; then they were frozen and the classifier was "
            "fitted on their embeddings of other windows of the training genomes, stopping early "
            "on the validation genomes. Genomes were split whole; related genomes (the HIV-1 "
            "subtypes, phages of one genus, strains of E. coli's relatives) can be on both sides, "
            "so the test figures flatter the model for viruses unlike any it has seen."
        ),
        "recipe": asdict(recipe),
        "genomes": {
            part: [
                {
                    "name": genome.name,
                    "label": "viral" if genome.label else "cellular",
                    "bases": len(genome.letters),
                    "sha256": genome.sha256,
                }
                for genome in genomes
            ]
            for part, genomes in parts.items()
        },
    }
