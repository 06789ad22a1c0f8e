"""What is fitted to tell sequence of organisms from other sequence."""

from __future__ import annotations

import numpy as np
import torch

from virnucpro_core.calling import Calibration, LengthRange
from virnucpro_core.store import ByteStrings
from virnucpro_core.training import LabelledWindows, ScoredWindows, fit_reliability
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


def labelled(sequences: ByteStrings, cluster: str = "c") -> LabelledWindows:
    return LabelledWindows(sequences, np.arange(len(sequences)) % 2, [cluster] * len(sequences))


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
        labelled(train), labelled(validation), scored(validation, right=right), CALIBRATION,
        "longest", lines.append,
    )  # fmt: skip
    (limit,) = fitted.limits.ranges
    assert (limit.min_length, limit.max_length, limit.windows) == (1, None, 1200)
    network = fitted.network.for_prediction()
    label = np.arange(600) % 2
    strange = window_strangeness(validation, "longest", network)
    assert abs((strange[(label == 1) & right] <= limit.virus).mean() - 0.95) < 0.01
    assert (strange[(label == 0) & right] <= limit.non_virus).mean() > 0.94
    natural = window_strangeness(unseen, "longest", network)
    false = ByteStrings.from_iterable(made_up(unseen, np.random.default_rng(4)))
    strange = window_strangeness(false, "longest", network)
    assert (natural > limit.virus).mean() < 0.2
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
    limits = fit_reliability(
        labelled(train), labelled(validation), given, CALIBRATION, "longest", print
    ).limits
    everything = scored(validation, right=np.ones(400, bool))
    wide = fit_reliability(
        labelled(train), labelled(validation), everything, CALIBRATION, "longest", print
    ).limits
    assert limits.ranges[0].virus < wide.ranges[0].virus - 1
    assert limits.ranges[0].non_virus == wide.ranges[0].non_virus


def test_the_limit_of_others_holds_for_most_of_their_clusters() -> None:
    """A few training genomes that code for little do not become strange."""
    torch.set_num_threads(1)
    plain, validation = coding(600, 1), coding(200, 2)
    half = ByteStrings.from_iterable(
        letters[: LENGTH // 2] + false[: LENGTH // 2]
        for letters, false in zip(
            coding(600, 3), made_up(coding(600, 4), np.random.default_rng(1)), strict=True
        )
    )
    both = ByteStrings.from_iterable([*plain, *half])
    given = scored(validation, right=np.ones(200, bool))

    def limit(clusters: list[str]) -> tuple[float, float]:
        train = LabelledWindows(both, np.zeros(1200, np.int64), clusters)
        fitted = fit_reliability(
            train, labelled(validation, "v"), given, CALIBRATION, "longest", print
        )
        (found,) = fitted.limits.ranges
        return found.virus, found.non_virus

    many, one = [f"p{n % 20}" for n in range(600)], ["odd"] * 600
    rare = limit([*many, *one])
    often = limit([*["p"] * 600, *(f"odd{n % 20}" for n in range(600))])
    assert rare[0] == often[0]  # that of viruses
    assert often[1] > rare[1] + 0.5


def test_a_window_without_a_frame_has_no_strangeness() -> None:
    network = fit_reliability(
        labelled(coding(90, 1)), labelled(coding(90, 2)),
        scored(coding(90, 2), right=np.ones(90, bool)), CALIBRATION, "complete", print,
    ).network.for_prediction()  # fmt: skip
    windows = ByteStrings.from_iterable([b"GCC" * 20, b"TAAATTAAATTAAATTA" * 3])
    found = window_strangeness(windows, "complete", network)
    assert np.isnan(found).tolist() == [False, True]
