"""What is fitted to tell sequence of organisms from other sequence."""

from __future__ import annotations

import numpy as np
import torch

from virnucpro_core.calling import Calibration, LengthRange
from virnucpro_core.store import ByteStrings
from virnucpro_core.training import ScoredWindows, fit_reliability
from virnucpro_core.training._made_up import made_up
from virnucpro_core.training._reliability import window_strangeness

LENGTH = 240
CODONS = ("GCC", "AAA", "GAT", "CTG", "GGC", "ATC", "GTT", "CCA")
CALIBRATION = Calibration(0.5, 0.5, (LengthRange(1, None, 1.0, 0.0, 100),))


def coding(n: int, seed: int) -> ByteStrings:
    """Windows of eight codons in a frame of its own."""
    rng = np.random.default_rng(seed)
    return ByteStrings.from_iterable(
        "".join(["A" * int(rng.integers(3)), *rng.choice(CODONS, LENGTH // 3)])[:LENGTH].encode()
        for _ in range(n)
    )


def scored(windows: ByteStrings, *, right: np.ndarray) -> ScoredWindows:
    """Half of them viruses; ``right`` says which are called so that they are."""
    label = np.arange(len(windows)) % 2
    return ScoredWindows(
        score=np.where((label == 1) == right, 0.9, 0.1),
        label=label,
        length=windows.lengths,
        genome=["g"] * len(windows),
        start=np.zeros(len(windows), np.int64),
        cluster=["c"] * len(windows),
    )


def test_coding_windows_are_told_from_shuffled_ones_and_most_right_calls_are_kept() -> None:
    torch.set_num_threads(1)
    lines: list[str] = []
    train, validation, unseen = (coding(600, seed) for seed in (1, 2, 3))
    right = np.arange(len(validation)) >= 60
    fitted = fit_reliability(
        train, validation, scored(validation, right=right), CALIBRATION, "longest", lines.append
    )
    (limit,) = fitted.limits.ranges
    assert (limit.min_length, limit.max_length, limit.windows) == (1, None, 600)
    network = fitted.network.for_prediction()
    label = np.arange(600) % 2
    strange = window_strangeness(validation, "longest", network)
    for name, of_class in (("virus", label == 1), ("non_virus", label == 0)):
        within = strange[of_class & right] <= getattr(limit, name)
        assert abs(within.mean() - 0.95) < 0.01
    natural = window_strangeness(unseen, "longest", network)
    false = ByteStrings.from_iterable(made_up(unseen, np.random.default_rng(4)))
    strange = window_strangeness(false, "longest", network)
    assert (natural > limit.virus).mean() < 0.1
    assert (strange > limit.virus).mean() > 0.9
    assert lines == [
        f"reliability, 1 to any nt: strangeness at most {limit.virus:.2f} of viruses, "
        f"{limit.non_virus:.2f} of others"
    ]


def test_only_right_calls_count_for_the_limits() -> None:
    torch.set_num_threads(1)
    train = coding(300, 1)
    # The viruses that are called wrongly are shuffled ones, a quarter of all viruses.
    rng = np.random.default_rng(5)
    right = np.arange(400) % 8 != 1
    validation = ByteStrings.from_iterable(
        letters if ok else rng.permutation(list(letters)).astype(np.uint8).tobytes()
        for letters, ok in zip(coding(400, 2), right.tolist(), strict=True)
    )
    given = scored(validation, right=right)
    limits = fit_reliability(train, validation, given, CALIBRATION, "longest", print).limits
    everything = scored(validation, right=np.ones(400, bool))
    wide = fit_reliability(train, validation, everything, CALIBRATION, "longest", print).limits
    assert limits.ranges[0].virus < wide.ranges[0].virus - 1
    assert limits.ranges[0].non_virus == wide.ranges[0].non_virus


def test_a_window_without_a_frame_has_no_strangeness() -> None:
    network = fit_reliability(
        coding(90, 1), coding(90, 2), scored(coding(90, 2), right=np.ones(90, bool)),
        CALIBRATION, "complete", print,
    ).network.for_prediction()  # fmt: skip
    windows = ByteStrings.from_iterable([b"GCC" * 20, b"TAAATTAAATTAAATTA" * 3])
    found = window_strangeness(windows, "complete", network)
    assert np.isnan(found).tolist() == [False, True]
