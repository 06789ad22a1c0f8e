from __future__ import annotations

import numpy as np
import pytest

from virnucpro_core.calling import Calibration, sigmoid
from virnucpro_core.training import ScoredWindows, calibration_error, fit_calibration


def silent(line: str) -> None:
    pass


def windows(
    true_odds: np.ndarray,
    label: np.ndarray,
    *,
    temperature: float,
    shift: float = 0.0,
    length: int | np.ndarray = 500,
    per_genome: int = 1,
    cluster: list[str] | None = None,
) -> ScoredWindows:
    """Windows whose scores are ``temperature`` times too sure."""
    n = len(label)
    return ScoredWindows(
        score=sigmoid(temperature * true_odds + shift),
        label=label,
        length=np.broadcast_to(length, n).astype(np.int64),
        genome=[f"g{row // per_genome}" for row in range(n)],
        start=np.arange(n) * 100,
        cluster=cluster or ["alike"] * n,
    )


def odds_and_labels(n: int, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Two normal distributions of log-odds d/2 and variance d: then the log-odds are true."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    return rng.normal((2 * label - 1) * 1.0, np.sqrt(2.0)), label


def test_a_known_temperature_and_shift_are_found_and_the_error_shrinks() -> None:
    odds, label = odds_and_labels(20_000)
    given = windows(odds, label, temperature=3.0, shift=0.6)
    calibration = fit_calibration(given, silent)
    assert calibration is not None
    assert len(calibration.ranges) == 1
    assert calibration.ranges[0].slope == pytest.approx(1 / 3, abs=0.02)
    assert calibration.ranges[0].intercept == pytest.approx(-0.2, abs=0.05)
    odds, label = odds_and_labels(20_000, seed=2)
    unseen = windows(odds, label, temperature=3.0, shift=0.6)
    after = sigmoid(calibration.window_log_odds(unseen.score, unseen.length))
    assert calibration_error(unseen.score, label) > 0.1
    assert calibration_error(after, label) < 0.02


def test_the_odds_are_for_a_prevalence_of_a_half_however_many_viruses_there_are() -> None:
    odds, label = odds_and_labels(40_000)
    kept = (label == 0) | (np.arange(len(label)) % 20 == 0)
    calibration = fit_calibration(windows(odds[kept], label[kept], temperature=1.0), silent)
    assert calibration is not None
    assert calibration.ranges[0].intercept == pytest.approx(0, abs=0.1)


def test_few_windows_that_are_told_apart_perfectly_give_no_endless_slope() -> None:
    label = np.repeat([0, 1], 120)
    given = windows(np.where(label == 1, 3.0, -3.0), label, temperature=1.0)
    calibration = fit_calibration(given, silent)
    assert calibration is not None
    assert 1 < calibration.ranges[0].slope < 3


def test_ranges_adjoin_and_those_with_few_windows_join_a_neighbour() -> None:
    odds, label = odds_and_labels(6_000)
    length = np.repeat([150, 300, 500], [4_000, 50, 1_950])
    calibration = fit_calibration(windows(odds, label, temperature=2.0, length=length), silent)
    assert calibration is not None
    assert [(r.min_length, r.max_length) for r in calibration.ranges] == [(1, 349), (350, None)]
    assert [r.windows for r in calibration.ranges] == [4_050, 1_950]
    assert Calibration.parse(calibration.to_json(), "here") == calibration


def test_each_range_has_a_line_of_its_own() -> None:
    odds, label = odds_and_labels(20_000)
    length = np.repeat([150, 500], 10_000)
    scale = np.repeat([4.0, 1.0], 10_000)
    given = windows(scale * odds, label, temperature=1.0, length=length)
    calibration = fit_calibration(given, silent)
    assert calibration is not None
    assert [r.slope for r in calibration.ranges] == pytest.approx([0.25, 1.0], abs=0.05)


def test_too_few_windows_of_a_class_are_not_calibrated() -> None:
    label = np.repeat([0, 1], [5_000, 20])
    lines: list[str] = []
    given = windows(2.0 * label - 1, label, temperature=1.0)
    assert fit_calibration(given, lines.append) is None
    assert "too few" in lines[-1]


def test_windows_that_tell_the_same_do_not_add_up_and_independent_ones_do() -> None:
    n_genomes, per_genome = 400, 16
    label = np.repeat(np.arange(n_genomes) % 2, per_genome)
    rng = np.random.default_rng(3)
    noise = rng.normal(0, np.sqrt(2.0), n_genomes * per_genome)
    same = np.repeat(noise[:n_genomes], per_genome)
    exponents = []
    for error in (same, noise):
        given = windows(2 * label - 1 + error, label, temperature=1.0, per_genome=per_genome)
        calibration = fit_calibration(given, silent)
        assert calibration is not None
        exponents.append(calibration.evidence_exponent)
    assert exponents[0] < 0.1
    assert exponents[1] > 0.9


def test_without_several_windows_of_a_genome_their_evidence_does_not_add_up() -> None:
    odds, label = odds_and_labels(1_000)
    calibration = fit_calibration(windows(odds, label, temperature=1.0), silent)
    assert calibration is not None
    assert calibration.evidence_exponent == 0


def test_how_far_off_a_share_is_estimated_is_that_of_the_clusters_least_like_viruses() -> None:
    odds, label = odds_and_labels(8_000)
    names = np.array([f"c{row % 16}" for row in range(len(label))])
    known = fit_calibration(windows(odds, label, temperature=1.0, cluster=list(names)), silent)
    assert known is not None
    assert known.mixtures is not None
    assert known.mixtures.viral_clusters == 16
    assert known.mixtures.low == pytest.approx(0.5, abs=0.05)
    # Six of the sixteen score as others do.
    is_odd = (label == 1) & np.isin(names, [f"c{n}" for n in range(6)])
    odds = np.where(is_odd, odds - 2.0, odds)
    unlike = fit_calibration(windows(odds, label, temperature=1.0, cluster=list(names)), silent)
    assert unlike is not None
    assert unlike.mixtures is not None
    assert unlike.mixtures.low < 0.15


def test_few_viral_clusters_say_nothing_of_others() -> None:
    odds, label = odds_and_labels(2_000)
    lines: list[str] = []
    names = [f"c{row % 7}" for row in range(len(label))]
    calibration = fit_calibration(
        windows(odds, label, temperature=1.0, cluster=names), lines.append
    )
    assert calibration is not None
    assert calibration.mixtures is None
    assert "7 viral clusters are too few" in lines[-1]
