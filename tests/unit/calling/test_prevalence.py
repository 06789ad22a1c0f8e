"""The share of viruses: found where the sample tells it, assumed where it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.bundles import CALIBRATION
from virnucpro_core.calling import (
    Calibration,
    Prevalence,
    estimate_prevalence,
    logit,
    parse_prevalence,
    sigmoid,
)
from virnucpro_core.calling._prevalence import LEAST_RECORDS, choose_prevalence
from virnucpro_core.errors import UsageError

SCHEMA = json.loads((Path(__file__).parents[3] / "nextflow_schema.json").read_text())
PARAMETER = next(
    group["properties"]["prevalence"]["pattern"]
    for group in SCHEMA["$defs"].values()
    if "prevalence" in group["properties"]
)
MODEL = Calibration.parse({**CALIBRATION, "prevalence": 0.3}, "bundle.json")


def evidence(n_records: int, share: float, seed: int = 1, spread: float = 2.5) -> np.ndarray:
    """Log likelihood ratios of records of which ``share`` are viruses.

    Those of two normal distributions that are ``spread`` deviations apart are normal themselves,
    with the variance ``spread**2`` and half of it as the mean.
    """
    rng = np.random.default_rng(seed)
    is_virus = rng.random(n_records) < share
    return rng.normal(np.where(is_virus, 0.5, -0.5) * spread**2, spread)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.93])
def test_a_planted_share_is_recovered(share: float) -> None:
    found, error = estimate_prevalence(evidence(20_000, share))
    assert abs(found - share) < 4 * error
    assert error < 0.01


def test_the_standard_error_is_the_spread_of_estimates() -> None:
    found = [estimate_prevalence(evidence(1000, 0.1, seed)) for seed in range(200)]
    spread = np.std([share for share, _ in found])
    # The deviation of 200 estimates is itself known to 5 %; four times that.
    assert np.mean([error for _, error in found]) == pytest.approx(spread, rel=0.2)


def test_the_estimate_is_where_expectation_maximisation_stands_still() -> None:
    values = evidence(2000, 0.15)
    share = 0.5
    for _ in range(500):
        share = float(sigmoid(values + logit(share)).mean())
    assert estimate_prevalence(values)[0] == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize(("value", "expected"), [(-12.0, 0.5 / 1000), (12.0, 1 - 0.5 / 1000)])
def test_a_sample_of_one_kind_leaves_room_for_half_a_record(value: float, expected: float) -> None:
    share, error = estimate_prevalence(np.full(1000, value))
    assert share == pytest.approx(expected)
    assert error < 0.1


def test_a_large_sample_is_estimated() -> None:
    chosen = choose_prevalence(None, evidence(5000, 0.05), MODEL)
    assert (chosen.source, chosen.warning) == ("estimated", None)
    assert chosen.value == pytest.approx(0.05, abs=0.02)
    assert "estimated from the sample" in str(chosen)


@pytest.mark.parametrize("n", [0, 1, LEAST_RECORDS - 1])
def test_a_small_sample_takes_the_calibrations_share_and_says_so(n: int) -> None:
    chosen = choose_prevalence(None, evidence(n, 0.9), MODEL)
    assert (chosen.value, chosen.source) == (0.3, "calibration")
    assert chosen.warning == (
        f"{n} scored records are too few to estimate the share of viruses from (at least "
        f"{LEAST_RECORDS}); the calibration's 0.3 is assumed"
    )


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_scores_that_say_nothing_are_not_made_an_estimate(spread: float) -> None:
    chosen = choose_prevalence(None, evidence(1000, 0.9, spread=spread), MODEL)
    assert (chosen.value, chosen.source) == (0.3, "calibration")
    assert chosen.warning is not None
    assert "hardly tell the share of viruses" in chosen.warning


def test_a_sample_whose_cells_look_viral_does_not_make_everything_a_virus() -> None:
    # A weak model under which the cells of this sample score like the viruses of others.
    chosen = choose_prevalence(None, np.full(1000, 0.7), MODEL)
    assert (chosen.value, chosen.source) == (0.3, "calibration")
    assert chosen.warning is not None
    assert "--prevalence names a larger share" in chosen.warning


def test_what_was_asked_for_is_taken() -> None:
    assert choose_prevalence(0.01, evidence(1000, 0.9), MODEL) == Prevalence(0.01, "given")


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("auto", None),
        *((text, float(text)) for text in ("0.5", ".5", "0.05", "0.10", "0.999", "0.5e-0")),
        *(
            (text, float(text))
            for text in ("1e-3", "1e-05", "1.5e-04", "1.0E-5", "9.e-1", ".5E-02")
        ),
    ],
)
def test_the_option_and_the_parameter_take_the_same_shares(text: str, share: float | None) -> None:
    assert parse_prevalence(text) == share
    assert re.search(PARAMETER, text)


@pytest.mark.parametrize(
    "wrong",
    ["0", "1", "0.0", "1.0", "-0.1", "0.5e3", ".5e1", "1e0", "1e-0", "1e-00", "1e3", "1e", "e-3",
     "0e-3", "5", "0.", ".", "nan", "inf", "Auto", "some", ""],
)  # fmt: skip
def test_the_option_and_the_parameter_refuse_the_same(wrong: str) -> None:
    with pytest.raises(UsageError, match="auto or a number between 0 and 1"):
        parse_prevalence(wrong)
    assert not re.search(PARAMETER, wrong)
