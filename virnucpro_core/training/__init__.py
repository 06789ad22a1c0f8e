"""Training: genomes, their split, windows, encoders, classifier, and the demo bundle."""

from virnucpro_core.training._classifier import (
    Accuracy,
    ClassifierRecipe,
    fit_classifier,
    judge,
    window_scores,
)
from virnucpro_core.training._clusters import DEFAULT_SIMILARITY
from virnucpro_core.training._dataset import Dataset, write_dataset
from virnucpro_core.training._dataset_tables import (
    LABELS,
    PARTS,
    GenomeRow,
    OverlapRow,
    WindowTable,
)
from virnucpro_core.training._demo import DemoRecipe, train_demo_bundle
from virnucpro_core.training._download import (
    DownloadSettings,
    DownloadSummary,
    download_genomes,
)
from virnucpro_core.training._encoders import EncoderRecipe, fit_encoders, fit_tokenizer
from virnucpro_core.training._genomes import Genome, GenomeSplit, read_genomes, split_genomes
from virnucpro_core.training._make_dataset import DatasetSettings, make_dataset
from virnucpro_core.training._split import SplitShares
from virnucpro_core.training._window_settings import WindowSettings
from virnucpro_core.training._windows import LabelledFrames, WindowSampler

__all__ = [
    "DEFAULT_SIMILARITY",
    "LABELS",
    "PARTS",
    "Accuracy",
    "ClassifierRecipe",
    "Dataset",
    "DatasetSettings",
    "DemoRecipe",
    "DownloadSettings",
    "DownloadSummary",
    "EncoderRecipe",
    "Genome",
    "GenomeRow",
    "GenomeSplit",
    "LabelledFrames",
    "OverlapRow",
    "SplitShares",
    "WindowSampler",
    "WindowSettings",
    "WindowTable",
    "download_genomes",
    "fit_classifier",
    "fit_encoders",
    "fit_tokenizer",
    "judge",
    "make_dataset",
    "read_genomes",
    "split_genomes",
    "train_demo_bundle",
    "window_scores",
    "write_dataset",
]
