"""What the package offers."""

from __future__ import annotations

from virnucpro_core import calling


def test_public_names() -> None:
    assert calling.__all__ == [
        "RESULT_FILES",
        "ConsensusSummary",
        "Tally",
        "TruthComparison",
        "check_weights",
        "classify_frames",
        "compare_with_truth",
        "frame_scores",
        "merge_features",
        "merge_set_aside",
        "predict_scores",
        "virus_score",
        "write_consensus",
    ]
