from __future__ import annotations

import json

import numpy as np
import pytest

from virnucpro_core.calling import Calibration, LengthRange
from virnucpro_core.training import JudgedWindows, evaluate, find_leaks, judge
from virnucpro_core.training._accuracy import calibration_error, reliability
from virnucpro_core.training._evaluation import length_keys

NAN = float("nan")


def by_hand(baseline: np.ndarray | None = None) -> JudgedWindows:
    """Seven windows of 500 of three genomes; one of each class cannot be scored."""
    return JudgedWindows(
        label=np.array([1, 1, 1, 1, 0, 0, 0]),
        length=np.full(7, 500),
        genome=["p", "p", "q", "q", "e", "e", "e"],
        group=["phages", "phages", "phages", "phages", "bacteria", "bacteria", "bacteria"],
        score=np.array([0.9, 0.5, 0.2, NAN, 0.4, 0.6, NAN]),
        baseline=baseline,
    )


def test_tables_count_as_one_does_by_hand() -> None:
    found = evaluate(by_hand(), None)
    assert found["decision"] == "score >= 0.5"
    row = found["by_window_length"]["500"]
    assert (row["windows"], row["not_scorable"]) == (5, 2)
    assert row["accuracy"] == 0.6
    assert row["sensitivity"] == pytest.approx(2 / 3, abs=1e-4)
    assert row["specificity"] == 0.5
    assert row["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-4)
    assert row["viral_found"] == 0.5  # two of four, one of which could not be scored
    assert row["auc"] == 0.5  # of six pairs, 0.9 wins two and 0.5 wins one
    # By falling score: virus, other, virus, other, virus.
    assert row["average_precision"] == pytest.approx((1 + 2 / 3 + 3 / 5) / 3, abs=1e-4)
    assert found["by_class"]["virus"] == {
        "windows": 3, "not_scorable": 1, "accuracy": 0.6667, "called_virus": 2,
    }  # fmt: skip
    assert found["by_genome"]["q"] == {
        "label": "virus", "group": "phages", "windows": 1, "not_scorable": 1, "accuracy": 0.0,
        "called_virus": 0,
    }  # fmt: skip
    assert found["by_group"]["bacteria"] == {
        "label": "others", "genomes": 1, "windows": 2, "not_scorable": 1, "accuracy": 0.5,
        "called_virus": 1,
    }  # fmt: skip
    assert found["baseline"] == {}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_baseline_is_judged_on_the_same_windows_and_on_all() -> None:
    baseline = np.array([0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1])
    row = evaluate(by_hand(baseline), None)["baseline"]["k-mer logistic regression"]["500"]
    assert (row["windows"], row["not_scorable"], row["accuracy"], row["auc"]) == (5, 2, 1.0, 1.0)
    whole = row["all_windows"]
    assert (whole["windows"], whole["not_scorable"]) == (7, 0)
    assert whole["accuracy"] == pytest.approx(6 / 7, abs=1e-4)


def test_a_calibration_decides_in_place_of_the_score() -> None:
    # Adding 1 to the log-odds lifts 0.4 over a half, not 0.2.
    calibration = Calibration(0.5, 0.0, (LengthRange(1, None, 1.0, 1.0, 100),))
    found = evaluate(by_hand(), calibration)
    assert found["decision"] == "probability >= 0.5 at a prevalence of 0.5"
    row = found["by_window_length"]["500"]
    assert row["sensitivity"] == pytest.approx(2 / 3, abs=1e-4)
    assert row["specificity"] == 0.0
    assert row["auc"] == 0.5
    assert row["calibration_error"] != row["uncalibrated_error"]


def test_windows_that_none_of_a_class_has_are_shown_without_numbers_that_would_be_made_up() -> None:
    one_class = JudgedWindows(
        label=np.array([1, 1]), length=np.array([90, 90]), genome=["p", "p"], group=["p", "p"],
        score=np.array([0.7, NAN]),
    )  # fmt: skip
    found = evaluate(one_class, None)
    row = found["by_window_length"]["90"]
    assert row["sensitivity"] == 1.0
    assert row["specificity"] is None
    assert row["auc"] is None
    assert row["calibration_error"] is None
    assert found["curves"] == {}


def test_common_lengths_have_rows_of_their_own_and_the_rest_are_taken_together() -> None:
    length = np.array([500] * 60 + [300] * 35 + [251, 17, 480, 1000, 3])
    keys = length_keys(length)
    assert keys[:1] + keys[60:61] + keys[95:] == [
        "500", "300", "200-349", "1-199", "350-749", "750-", "1-199",
    ]  # fmt: skip


def test_the_calibration_error_is_the_distance_in_each_bin_with_classes_weighing_a_half() -> None:
    # Weights 1/4 each of two viruses, 1/6 each of three others.
    probability = np.array([0.95, 0.95, 0.95, 0.05, 0.05])
    label = np.array([1, 1, 0, 0, 0])
    top = abs(0.25 * 0.05 + 0.25 * 0.05 - 0.95 / 6)
    bottom = 2 / 6 * 0.05
    assert calibration_error(probability, label) == pytest.approx(top + bottom)
    bins = reliability(probability, label)
    assert [row["windows"] for row in bins] == [2, 3]
    assert bins[1]["share_virus"] == pytest.approx(0.5 / (0.5 + 1 / 6), abs=1e-4)


def test_nothing_to_divide_by_is_not_a_number() -> None:
    assert judge(np.array([NAN]), np.array([1])).to_json()["accuracy"] is None


def test_a_genome_that_was_seen_is_named() -> None:
    judged = {"phage": "aa", "ecoli": "bb", "T4": "cc"}
    seen = {"aa": "its training", "cc": "its encoders"}
    assert find_leaks(seen, judged, "demo") == [
        "1 of the 3 genomes judged were used for demo (its training), which flatters the figures: "
        "phage",
        "1 of the 3 genomes judged were used for demo (its encoders), which flatters the figures: "
        "T4",
    ]
    assert find_leaks(seen, {"ecoli": "bb"}, "demo") == []
