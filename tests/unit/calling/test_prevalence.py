"""The share of viruses: found where the sample tells it, assumed where it does not."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bundles import CALIBRATION
from virnucpro_core.calling import (
    Calibration,
    Mixtures,
    Prevalence,
    choose_prevalence,
    likeliest_share,
    logit,
    parse_prevalence,
    sigmoid,
)
from virnucpro_core.calling._prevalence import UNKNOWN_MIXTURES
from virnucpro_core.errors import UsageError

SCHEMA = json.loads((Path(__file__).parents[3] / "nextflow_schema.json").read_text())
PARAMETER = next(
    group["properties"]["prevalence"]["pattern"]
    for group in SCHEMA["$defs"].values()
    if "prevalence" in group["properties"]
)
MODEL = Calibration.parse({**CALIBRATION, "prevalence": 0.3}, "bundle.json")
EVEN = Calibration.parse(CALIBRATION, "bundle.json")


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
    found = [likeliest_share(evidence(5_000, share, seed)) for seed in range(40)]
    assert np.mean([value for value, _ in found]) == pytest.approx(share, rel=0.02, abs=0.001)
    # The upper end of an interval of 95 % is passed by one in forty.
    assert sum(upper < share for _, upper in found) <= 4
    assert np.mean([upper for _, upper in found]) < share + 0.03


def test_the_estimate_is_where_expectation_maximisation_stands_still() -> None:
    values = evidence(2000, 0.15)
    share = 0.5
    for _ in range(500):
        share = float(sigmoid(values + logit(share)).mean())
    # Evidence is rounded to a hundredth.
    assert likeliest_share(values)[0] == pytest.approx(share, rel=1e-3)


def test_a_weight_is_that_many_records() -> None:
    values = np.array([-2.0, -1.0, 0.5, 3.0])
    weight = np.array([5.0, 1.0, 2.0, 3.0])
    repeated = np.repeat(values, weight.astype(int))
    assert likeliest_share(values, weight) == pytest.approx(likeliest_share(repeated))


@pytest.mark.parametrize(("value", "expected"), [(-12.0, 0.5 / 1000), (12.0, 1 - 0.5 / 1000)])
def test_a_sample_of_one_kind_leaves_room_for_half_a_record(value: float, expected: float) -> None:
    share, upper = likeliest_share(np.full(1000, value))
    assert share == pytest.approx(expected, rel=1e-6)
    # 1.92 records of a kind that is not there lower the log likelihood by 1.92.
    assert upper == pytest.approx(0.0019 + expected if value < 0 else 1, abs=0.0006)


def test_a_sample_of_few_viruses_is_estimated() -> None:
    chosen = choose_prevalence(None, evidence(5000, 0.02), MODEL)
    assert (chosen.source, chosen.warning) == ("estimated", None)
    assert chosen.estimate is not None
    assert chosen.estimate.share == pytest.approx(0.02, abs=0.005)
    assert chosen.estimate.share < chosen.value == chosen.estimate.at_most < 0.05
    assert "the most that the sample allows" in str(chosen)


def test_the_less_a_calibration_knows_of_other_viruses_the_less_an_estimate_lowers() -> None:
    values = evidence(5000, 0.1)
    chosen = [
        choose_prevalence(None, values, replace(EVEN, mixtures=Mixtures(low, 20)))
        for low in (0.5, 0.25, 0.15, 0.05)
    ]
    assert chosen[0].value == pytest.approx(0.1, abs=0.03)
    shares = [item.value for item in chosen]
    assert shares == sorted(shares)
    assert (shares[-1], chosen[-1].source) == (0.5, "calibration")
    without = choose_prevalence(None, values, EVEN)
    assert without == choose_prevalence(None, values, replace(EVEN, mixtures=UNKNOWN_MIXTURES))


def test_no_scored_record_takes_the_calibrations_share_and_says_so() -> None:
    chosen = choose_prevalence(None, np.zeros(0), MODEL)
    assert (chosen.value, chosen.source, chosen.estimate) == (0.3, "calibration", None)
    assert chosen.warning == "no record was scored; a share of 0.3 is assumed"


def test_a_handful_of_records_lowers_the_share_no_further_than_they_can_tell() -> None:
    few, many = (choose_prevalence(None, np.full(n, -8.0), EVEN) for n in (20, 2000))
    assert many.value < 0.003
    assert few.value > 0.1


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_scores_that_say_nothing_are_not_made_an_estimate(spread: float) -> None:
    chosen = choose_prevalence(None, evidence(1000, 0.01, spread=spread), MODEL)
    assert (chosen.value, chosen.source) == (0.3, "calibration")
    assert chosen.warning is not None
    assert "is not known" in chosen.warning


def test_a_sample_whose_cells_look_viral_does_not_make_everything_a_virus() -> None:
    # A weak model under which the cells of this sample score like the viruses of others.
    chosen = choose_prevalence(None, np.full(1000, 0.7), MODEL)
    assert (chosen.value, chosen.source) == (0.3, "calibration")
    assert chosen.warning is not None
    assert "--prevalence names another" in chosen.warning


@pytest.mark.parametrize("n_records", [50, 2000])
@pytest.mark.parametrize("hosts", [-0.5, 0.0, 1.5])
@pytest.mark.parametrize("viruses", [-0.5, 0.0, 1.0])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.3, 0.5, 0.66, 0.75, 0.9])
def test_calls_are_never_worse_than_at_the_calibrations_share(
    n_records: int, hosts: float, viruses: float, share: float
) -> None:
    """Also where viruses and hosts score unlike those of the calibration."""
    more = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        is_virus = rng.random(n_records) < share
        means = np.where(is_virus, 2.0 + viruses, -2.0 + hosts)
        values = rng.normal(means, 2.0)
        chosen = choose_prevalence(None, values, EVEN).value
        more.append(
            [judge(values, is_virus, chosen)[what] - judge(values, is_virus, 0.5)[what]
             for what in (0, 1)]
        )  # fmt: skip
    mean, noise = np.mean(more, axis=0), np.std(more, axis=0) / np.sqrt(7)
    assert (mean <= 2 * noise + 1e-9).all(), mean


def judge(values: np.ndarray, is_virus: np.ndarray, share: float) -> tuple[float, float]:
    """Share of wrong calls at a probability of 0.5, and mean log loss."""
    log_odds = values + logit(share)
    wrong = float(((log_odds >= 0) != is_virus).mean())
    return wrong, float(np.logaddexp(0, np.where(is_virus, -1, 1) * log_odds).mean())


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
