"""Calling: classify frames, and bring their scores together to one call for every record."""

from virnucpro_core._calibration import (
    Calibration,
    LengthRange,
    Mixtures,
    logit,
    score_logit,
    sigmoid,
)
from virnucpro_core._reliability import (
    N_CODON_FREQUENCIES,
    StrangenessLimit,
    StrangenessLimits,
)
from virnucpro_core.calling._chunks import virus_score
from virnucpro_core.calling._classify import (
    check_weights,
    classify_frames,
    frame_scores,
    merge_features,
    merge_set_aside,
    predict_scores,
)
from virnucpro_core.calling._consensus import RESULT_FILES, VIRAL_FILES, write_consensus
from virnucpro_core.calling._decision import PRESETS, Decision, choose_decision
from virnucpro_core.calling._prevalence import (
    Prevalence,
    ShareEstimate,
    choose_prevalence,
    likeliest_share,
    parse_prevalence,
)
from virnucpro_core.calling._strangeness import codon_frequencies, strangeness
from virnucpro_core.calling._summary import ConsensusSummary
from virnucpro_core.calling._truth import Tally, TruthComparison, compare_with_truth

__all__ = [
    "N_CODON_FREQUENCIES",
    "PRESETS",
    "RESULT_FILES",
    "VIRAL_FILES",
    "Calibration",
    "ConsensusSummary",
    "Decision",
    "LengthRange",
    "Mixtures",
    "Prevalence",
    "ShareEstimate",
    "StrangenessLimit",
    "StrangenessLimits",
    "Tally",
    "TruthComparison",
    "check_weights",
    "choose_decision",
    "choose_prevalence",
    "classify_frames",
    "codon_frequencies",
    "compare_with_truth",
    "frame_scores",
    "likeliest_share",
    "logit",
    "merge_features",
    "merge_set_aside",
    "parse_prevalence",
    "predict_scores",
    "score_logit",
    "sigmoid",
    "strangeness",
    "virus_score",
    "write_consensus",
]
