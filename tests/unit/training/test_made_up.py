"""Made-up sequences have what they are to have of the windows, and nothing else."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from virnucpro_core.store import ByteStrings
from virnucpro_core.training import shuffled_letters, shuffled_pairs, uniform
from virnucpro_core.training._made_up import made_up, repeated


@pytest.mark.parametrize("letters", [b"", b"A", b"AC", b"AAAA", b"ACGTNNACGTRYacgtTTTTTG"])
@pytest.mark.parametrize("seed", range(20))
def test_neighbours_are_as_often_side_by_side(letters: bytes, seed: int) -> None:
    found = shuffled_pairs(letters, np.random.default_rng(seed))
    assert Counter(pairwise(found)) == Counter(pairwise(letters))
    assert Counter(found) == Counter(letters)


def test_every_order_with_the_same_neighbours_is_as_likely() -> None:
    rng = np.random.default_rng(1)
    n = 6000
    counts = Counter(shuffled_pairs(b"ACAGATAC", rng) for _ in range(n))
    # AC twice, AG and AT, each but the last with its way back: 4! / 2 orders of four loops, of
    # which those that end with AC are half: 3! = 6 orders of AC, AG, AT before it.
    assert len(counts) == 6
    # 5 standard deviations of a binomial.
    assert all(abs(c - n / 6) < 5 * (n * 5 / 36) ** 0.5 for c in counts.values())


def test_kinds_take_turns_and_lengths_stay() -> None:
    rng = random.Random(1)
    windows = ["".join(rng.choices("AC", k=rng.randint(50, 90))).encode() for _ in range(12)]
    found = list(made_up(ByteStrings.from_iterable(windows), np.random.default_rng(1)))
    assert [len(letters) for letters in found] == [len(letters) for letters in windows]
    for number, (one, other) in enumerate(zip(windows, found, strict=True)):
        assert one != other
        assert (Counter(pairwise(one)) == Counter(pairwise(other))) is (number % 4 == 0)
        assert (Counter(one) == Counter(other)) is (number % 4 < 2)


def test_random_letters_and_shuffles_go_by_the_generator() -> None:
    def draw(seed: int) -> tuple[bytes, bytes]:
        rng = np.random.default_rng(seed)
        return uniform(60, rng), shuffled_letters(b"ACGT" * 15, rng)

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert Counter(draw(1)[1]) == Counter(b"ACGT" * 15)
    assert set(draw(1)[0]) == set(b"ACGT")


def test_repeats_are_of_few_pieces_of_either_strand() -> None:
    found = repeated(2000, np.random.default_rng(3))
    words = Counter(found[at : at + 12] for at in range(len(found) - 11))
    assert len(found) == 2000
    # Eight pieces of 35 bases on two strands, and the joints of any two of them.
    assert len(words) < 2 * 8 * 35 + (2 * 8) ** 2 * 12
    assert words.most_common(1)[0][1] > 3
