"""What the package offers."""

from __future__ import annotations

from virnucpro_core import calling


def test_public_names() -> None:
    assert calling.__all__ == [
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
