"""Calling: classify frames, and bring their scores together to one call for every record."""

from virnucpro_core._calibration import Calibration, LengthRange, logit, score_logit, sigmoid
from virnucpro_core.calling._chunks import virus_score
from virnucpro_core.calling._classify import (
    check_weights,
    classify_frames,
    frame_scores,
    merge_features,
    merge_set_aside,
    predict_scores,
)
from virnucpro_core.calling._consensus import RESULT_FILES, ConsensusSummary, write_consensus
from virnucpro_core.calling._truth import Tally, TruthComparison, compare_with_truth

__all__ = [
    "RESULT_FILES",
    "Calibration",
    "ConsensusSummary",
    "LengthRange",
    "Tally",
    "TruthComparison",
    "check_weights",
    "classify_frames",
    "compare_with_truth",
    "frame_scores",
    "logit",
    "merge_features",
    "merge_set_aside",
    "predict_scores",
    "score_logit",
    "sigmoid",
    "virus_score",
    "write_consensus",
]
