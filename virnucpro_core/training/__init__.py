"""Training: labelled genomes, datasets of windows, fitting, judging; encoders from scratch."""

from virnucpro_core.training._accuracy import (
    Accuracy,
    balanced_weights,
    calibration_error,
    judge,
    reliability,
)
from virnucpro_core.training._baseline import KmerModel, count_kmers
from virnucpro_core.training._calibrate import ScoredWindows, fit_calibration
from virnucpro_core.training._classifier import fit_classifier, window_scores
from virnucpro_core.training._clusters import DEFAULT_SIMILARITY
from virnucpro_core.training._dataset import Dataset, write_dataset
from virnucpro_core.training._dataset_tables import (
    LABELS,
    PARTS,
    GenomeRow,
    OverlapRow,
    WindowTable,
)
from virnucpro_core.training._download import (
    DownloadSettings,
    DownloadSummary,
    download_genomes,
)
from virnucpro_core.training._embed_dataset import embed_dataset
from virnucpro_core.training._encoders import EncoderRecipe, fit_encoders
from virnucpro_core.training._evaluate_bundle import evaluate_bundle
from virnucpro_core.training._evaluation import (
    EVALUATION_SCHEMA_VERSION,
    JudgedWindows,
    evaluate,
)
from virnucpro_core.training._evaluation_file import (
    accuracy_of,
    evaluation_document,
    write_evaluation,
)
from virnucpro_core.training._evaluation_page import evaluation_page, summary_lines, write_report
from virnucpro_core.training._features import PartFeatures, read_features
from virnucpro_core.training._fit import FittedModel, fit_model
from virnucpro_core.training._fit_bundle import fit_bundle
from virnucpro_core.training._from_scratch import ModelRecipe, train_from_scratch
from virnucpro_core.training._genome_files import GenomeFile, read_genome
from virnucpro_core.training._labelled_frames import LabelledFrames
from virnucpro_core.training._leaks import encoder_genomes, find_leaks, seen_genomes
from virnucpro_core.training._made_up import shuffled_letters, shuffled_pairs, uniform
from virnucpro_core.training._make_dataset import DatasetSettings, make_dataset
from virnucpro_core.training._recipes import RECIPES, ClassifierRecipe, find_recipe
from virnucpro_core.training._reliability import (
    FittedReliability,
    LabelledWindows,
    fit_reliability,
)
from virnucpro_core.training._resume_dataset import open_or_make_dataset
from virnucpro_core.training._sheet import SheetRow, read_sheet
from virnucpro_core.training._split import SplitShares
from virnucpro_core.training._window_sequences import (
    WINDOW_SEQUENCES,
    create_window_sequences,
    read_window_sequences,
)
from virnucpro_core.training._window_settings import WindowSettings

__all__ = [
    "DEFAULT_SIMILARITY",
    "EVALUATION_SCHEMA_VERSION",
    "LABELS",
    "PARTS",
    "RECIPES",
    "WINDOW_SEQUENCES",
    "Accuracy",
    "ClassifierRecipe",
    "Dataset",
    "DatasetSettings",
    "DownloadSettings",
    "DownloadSummary",
    "EncoderRecipe",
    "FittedModel",
    "FittedReliability",
    "GenomeFile",
    "GenomeRow",
    "JudgedWindows",
    "KmerModel",
    "LabelledFrames",
    "LabelledWindows",
    "ModelRecipe",
    "OverlapRow",
    "PartFeatures",
    "ScoredWindows",
    "SheetRow",
    "SplitShares",
    "WindowSettings",
    "WindowTable",
    "accuracy_of",
    "balanced_weights",
    "calibration_error",
    "count_kmers",
    "create_window_sequences",
    "download_genomes",
    "embed_dataset",
    "encoder_genomes",
    "evaluate",
    "evaluate_bundle",
    "evaluation_document",
    "evaluation_page",
    "find_leaks",
    "find_recipe",
    "fit_bundle",
    "fit_calibration",
    "fit_classifier",
    "fit_encoders",
    "fit_model",
    "fit_reliability",
    "judge",
    "make_dataset",
    "open_or_make_dataset",
    "read_features",
    "read_genome",
    "read_sheet",
    "read_window_sequences",
    "reliability",
    "seen_genomes",
    "shuffled_letters",
    "shuffled_pairs",
    "summary_lines",
    "train_from_scratch",
    "uniform",
    "window_scores",
    "write_dataset",
    "write_evaluation",
    "write_report",
]
