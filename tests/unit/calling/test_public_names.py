"""What the package offers."""

from __future__ import annotations

from virnucpro_core import calling


def test_public_names() -> None:
    assert calling.__all__ == [
        "PRESETS",
        "RESULT_FILES",
        "VIRAL_FILES",
        "Calibration",
        "ConsensusSummary",
        "Decision",
        "LengthRange",
        "Prevalence",
        "Tally",
        "TruthComparison",
        "check_weights",
        "choose_decision",
        "classify_frames",
        "compare_with_truth",
        "estimate_prevalence",
        "frame_scores",
        "logit",
        "merge_features",
        "merge_set_aside",
        "parse_prevalence",
        "predict_scores",
        "score_logit",
        "sigmoid",
        "virus_score",
        "write_consensus",
    ]
