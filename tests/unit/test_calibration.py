"""Calibration: from scores of windows to the evidence for a record."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import numpy as np
import pytest

from tests.bundles import CALIBRATION
from virnucpro_core.calling import Calibration, LengthRange, Mixtures, logit, score_logit, sigmoid
from virnucpro_core.errors import BundleError

# A few float64 operations in another order.
TOLERANCE = 1e-12


def calibration(**changes: Any) -> Calibration:
    return Calibration.parse({**CALIBRATION, **changes}, "bundle.json")


def test_parsing_what_was_written_gives_the_same() -> None:
    assert calibration().ranges[0] == LengthRange(1, 49, 0.5, -0.25, 100)
    text = json.dumps(calibration().to_json())
    assert Calibration.parse(json.loads(text), "bundle.json") == calibration()
    assert "mixtures" not in json.loads(text)


def test_how_far_off_shares_are_estimated_is_kept() -> None:
    written = calibration(mixtures={"low": 0.3, "viral_clusters": 12})
    assert written.mixtures == Mixtures(0.3, 12)
    assert Calibration.parse(json.loads(json.dumps(written.to_json())), "bundle.json") == written


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "isotonic"}, "must be platt"),
        ({"prevalence": 0}, "between 0 and 1"),
        ({"prevalence": math.nan}, "must be a number"),
        ({"evidence_exponent": 1.01}, "must be 0 to 1"),
        ({"ranges": []}, "is empty"),
        ({"novelty": 1}, "unexpected key calibration.novelty"),
        ({"mixtures": {"low": 0, "viral_clusters": 9}}, "mixtures.low must be above 0"),
        ({"mixtures": {"low": 1.1, "viral_clusters": 9}}, "mixtures.low must be above 0"),
        ({"mixtures": {"low": 0.3, "viral_clusters": -1}}, "viral_clusters must be at least 0"),
        ({"mixtures": {"low": 0.3}}, "has no key calibration.mixtures.viral_clusters"),
        ({"mixtures": None}, "calibration.mixtures must be"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        calibration(**change)
    assert caught.value.where == "bundle.json"


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ([(2, None)], "must ascend"),
        ([(1, 49)], "must ascend"),
        ([(1, 49), (51, None)], "must ascend"),
        ([(1, 49), (49, None)], "must ascend"),
        ([(1, None), (50, None)], "must ascend"),
        ([(1, 49), (50, 20), (21, None)], "must ascend"),
        ([(0, None)], "at least 1"),
    ],
)
def test_ranges_that_leave_a_length_out_or_hold_it_twice_are_refused(
    bounds: list[tuple[int, int | None]], message: str
) -> None:
    ranges = [
        {**CALIBRATION["ranges"][0], "min_length": low, "max_length": high} for low, high in bounds
    ]
    with pytest.raises(BundleError, match=message):
        calibration(ranges=ranges)


def test_a_falling_slope_is_refused() -> None:
    ranges = copy.deepcopy(CALIBRATION["ranges"])
    ranges[1]["slope"] = -1
    with pytest.raises(BundleError, match=r"ranges\[1\].slope must be above 0"):
        calibration(ranges=ranges)


def test_a_window_is_calibrated_by_the_range_that_holds_its_length() -> None:
    length = np.array([1, 49, 50, 500], dtype=np.int32)
    found = calibration().window_log_odds(np.full(4, 0.75), length)
    short, long = 0.5 * math.log(3) - 0.25, 2 * math.log(3) + 0.5
    np.testing.assert_allclose(found, [short, short, long, long], rtol=TOLERANCE)


def test_scores_of_0_and_1_have_finite_log_odds() -> None:
    found = score_logit([0.0, 0.5, 1.0])
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(-found[2])
    assert found[1] == 0


def test_evidence_is_the_weighted_mean_times_a_power_of_the_effective_number() -> None:
    # Windows of 300, 300 and 100 bases: n_eff = 700**2 / (2 * 300**2 + 100**2) = 49/19.
    length, log_odds = np.array([300, 300, 100]), np.array([2.0, -1.0, 4.0])
    sums = [np.array([x]) for x in ((length * log_odds).sum(), length.sum(), (length**2).sum())]
    for exponent in (0.0, 0.4, 1.0):
        found = calibration(evidence_exponent=exponent, prevalence=0.2).record_evidence(*sums)
        expected = (1.0 - math.log(0.25)) * (49 / 19) ** exponent
        assert found[0] == pytest.approx(expected, rel=TOLERANCE)


def test_equal_windows_count_once_with_exponent_0_and_each_with_exponent_1() -> None:
    # One window of 500 with log-odds 1.5, and eight of them.
    sums = np.array([750.0, 6000.0]), np.array([500, 4000]), np.array([25e4, 2e6])
    assert calibration(evidence_exponent=0).record_evidence(*sums) == pytest.approx([1.5, 1.5])
    assert calibration(evidence_exponent=1).record_evidence(*sums) == pytest.approx([1.5, 12.0])


def test_a_record_without_a_scored_window_has_no_evidence() -> None:
    sums = np.array([0.0, 5.0]), np.array([0, 10]), np.array([0.0, 100.0])
    found = calibration().record_evidence(*sums)
    assert np.isnan(found[0])
    assert np.isfinite(found[1])


def test_sigmoid_is_the_inverse_of_logit_and_never_overflows() -> None:
    for probability in (1e-9, 0.2, 0.5, 0.999):
        assert sigmoid(logit(probability)) == pytest.approx(probability, rel=1e-9)
    assert sigmoid([-1e6, 0, 1e6]).tolist() == [0, 0.5, 1]
