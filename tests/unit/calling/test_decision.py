"""The rule of a call, and the tier of it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bundles import CALIBRATION
from virnucpro_core.calling import PRESETS, Calibration, Decision, choose_decision
from virnucpro_core.calling._decision import usable_decision
from virnucpro_core.calling._tiers import Tier, tier_reason, tiers
from virnucpro_core.errors import UsageError

MODEL = Calibration.parse(CALIBRATION, "bundle.json")


def test_each_option_names_its_rule() -> None:
    assert choose_decision(None, None, None) is None
    assert choose_decision(0.0, None, None) == Decision("threshold", 0.0)
    assert choose_decision(None, "strict", None) == Decision("preset", 0.9, "strict")
    assert choose_decision(None, None, 0.05) == Decision("fdr", 0.05)
    assert PRESETS == {"sensitive": 0.2, "balanced": 0.5, "strict": 0.9}


@pytest.mark.parametrize(
    "options", [(0.5, "strict", None), (0.5, None, 0.1), (None, "strict", 0.1), (0.5, "lax", 0.1)]
)
def test_two_rules_are_refused(options: tuple[float | None, str | None, float | None]) -> None:
    with pytest.raises(UsageError, match="different rules for what is a virus; give one"):
        choose_decision(*options)


@pytest.mark.parametrize("options", [(None, "lax", None), (None, None, 1.5), (-1.0, None, None)])
def test_a_wrong_value_is_refused(options: tuple[float | None, str | None, float | None]) -> None:
    with pytest.raises(UsageError, match="give one"):
        choose_decision(*options)


def test_without_a_calibration_only_the_score_decides() -> None:
    assert usable_decision(None, MODEL) == Decision.of_preset("balanced")
    assert usable_decision(None, None) == Decision("threshold", 0.5)
    assert usable_decision(Decision("threshold", 0.7), None) == Decision("threshold", 0.7)
    for name, decision in (("preset", Decision.of_preset("strict")), ("fdr", Decision("fdr", 0.1))):
        assert usable_decision(decision, MODEL) == decision
        with pytest.raises(UsageError, match=f"--{name} needs probabilities"):
            usable_decision(decision, None)


def test_the_cutoff_itself_is_a_virus_and_nan_is_none() -> None:
    score = np.array([0.5, 0.4, np.nan])
    probability = np.array([0.9, 0.8, np.nan])
    q_value = np.array([0.1, 0.2, np.nan])
    for decision in (
        Decision("threshold", 0.5),
        Decision.of_preset("strict"),
        Decision("fdr", 0.1),
    ):
        assert decision.is_virus(score, probability, q_value).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("probability", "is_virus", "scored", "tier", "reason"),
    [
        (0.99, True, 300, Tier.HIGH, ""),
        (0.01, False, 300, Tier.HIGH, ""),
        (0.989, True, 300, Tier.MEDIUM, "the call's probability is below 0.99"),
        (0.999, True, 299, Tier.MEDIUM, "fewer than 300 bases scored"),
        (0.89, True, 300, Tier.LOW, "the call's probability is below 0.9"),
        (0.999, True, 99, Tier.LOW, "fewer than 100 bases scored"),
        (
            0.3,
            True,
            90,
            Tier.LOW,
            "the call's probability is below 0.9, fewer than 100 bases scored",
        ),
        (np.nan, False, 0, Tier.NOT_SCORABLE, None),
    ],
)
def test_tiers_by_probability_of_the_call_and_scored_length(
    probability: float, is_virus: bool, scored: int, tier: Tier, reason: str | None
) -> None:
    found = tiers(np.array([probability]), np.array([is_virus]), np.array([scored]))
    assert found.tolist() == [tier]
    if reason is not None:
        assert tier_reason(tier, probability, is_virus, scored) == reason
