"""What importing the package costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys

from virnucpro_core import calling


def test_calling_starts_without_torch() -> None:
    code = "import sys, virnucpro_core.calling; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
        "predict_scores",
        "write_consensus",
    ]
