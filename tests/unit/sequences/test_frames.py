"""The frames of windows by either rule, against plain Python."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

from tests.unit.sequences import reference
from virnucpro_core._frame_rule import FRAME_RULES, FrameRule
from virnucpro_core.sequences import KeptFrames, Stretch, find_frames

LETTERS = {
    "plain": "ACGT",
    "case": "ACGTacgtuU",
    "iupac": "ACGT" * 20 + "RYSWKMBDHVN",
    "many stops": "TTTAAAGC",
}


def frames_of(windows: list[str], rule: FrameRule, gap: str = "") -> tuple[Stretch, KeptFrames]:
    """The frames of windows that lie in one stretch, with ``gap`` between them."""
    lengths = np.array([len(window) for window in windows], dtype=np.int64)
    starts = np.cumsum(lengths + len(gap)) - lengths - len(gap)
    stretch = Stretch.of(gap.join(windows).encode())
    return stretch, find_frames(stretch, starts, lengths, rule)


def described(windows: list[str], rule: FrameRule, gap: str = "") -> list[list[tuple[object, ...]]]:
    """For each window (name, nucleotides, codons before the stretch, protein) of its frames."""
    stretch, frames = frames_of(windows, rule, gap)
    result: list[list[tuple[object, ...]]] = [[] for _ in windows]
    names = ("F1", "F2", "F3", "R1", "R2", "R3")
    rows = zip(
        frames.window.tolist(),
        frames.frame.tolist(),
        frames.first_codon.tolist(),
        *frames.sequences(stretch),
        strict=True,
    )
    for window, frame, first, nucleotides, protein in rows:
        result[window].append((names[frame], nucleotides.decode(), first, protein.decode()))
    return result


def random_windows(letters: str, seed: int) -> list[str]:
    """Windows of every length from 1 to 200, and some that are longer, in a random order."""
    rng = random.Random(seed)
    lengths = [*range(1, 201), *range(1, 201), *(rng.randint(200, 1_000) for _ in range(20))]
    rng.shuffle(lengths)
    return ["".join(rng.choices(letters, k=length)) for length in lengths]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("letters", LETTERS.values(), ids=LETTERS)
def test_longest_equals_a_plain_python_search(letters: str, seed: int) -> None:
    windows = random_windows(letters, seed)
    found = described(windows, "longest", gap="ACGTA"[:seed])
    for window, frames in zip(windows, found, strict=True):
        assert frames == reference.longest_frames(window), window
    n_partial = sum(not reference.frames(window) for window in windows)
    assert n_partial > 20


@pytest.mark.parametrize("letters", LETTERS.values(), ids=LETTERS)
def test_complete_equals_a_plain_python_translation(letters: str) -> None:
    windows = random_windows(letters, 1)
    for window, frames in zip(windows, described(windows, "complete"), strict=True):
        assert frames == [(name, n, 0, p) for name, n, p in reference.frames(window)], window


def test_every_window_of_a_codon_or_more_has_a_frame_by_longest() -> None:
    """Also one of nothing but stops: a stop is none on the other strand."""
    codons = ["".join(letters) for letters in product("ACGTRYSWKMBDHVN", repeat=3)]
    stops = [codon for codon in codons if reference.translate_codon(codon) == "*"]
    windows = [*codons, *(2 * codon for codon in stops), *(50 * codon for codon in stops)]
    windows += ["TAGTTAGTTA" * 9, "TGATAATAGC" * 9]
    found = described(windows, "longest")
    assert all(frames and frames[0][3] for frames in found)
    assert [described([window], "longest")[0] for window in ("", "A", "TG")] == [[], [], []]


TWO_PLACES = "TACCAATAATTACTAAGTATAAAAGTTAATTAATTAAGAAAATTTATTTTTAATATAAA"


@pytest.mark.parametrize(
    ("window", "frame", "protein"),
    [
        ("TGATTAAGTTAATAAACTAA", "F3", "IKLIN"),  # as long in R2
        ("ATTTAGATAACTAAACTACA", "R1", "CSLVI"),  # as long in R3
        (TWO_PLACES, "R1", "FILKINFLN"),  # and as long behind its one stop
        (str.translate(TWO_PLACES[::-1], str.maketrans("ACGT", "TGCA")), "F1", "FILKINFLN"),
    ],
)
def test_of_equal_stretches_the_first_frame_and_the_first_place_count(
    window: str, frame: str, protein: str
) -> None:
    ((name, _, first, found),) = described([window], "longest")[0]
    assert (name, first, found) == (frame, 0, protein)


@pytest.mark.parametrize("rule", FRAME_RULES)
def test_no_window_gives_no_frame(rule: FrameRule) -> None:
    stretch = Stretch.of(b"ACGT")
    frames = find_frames(stretch, np.zeros(0, np.int64), np.zeros(0, np.int64), rule)
    assert len(frames.window) == 0


def test_taken_frames_keep_their_stretches() -> None:
    windows = random_windows(LETTERS["many stops"], 3)
    stretch, frames = frames_of(windows, "longest")
    rows = np.arange(0, len(frames.window), 3)
    nucleotides, proteins = frames.sequences(stretch)
    taken = frames.take(rows).sequences(stretch)
    assert list(taken[0]) == [nucleotides[row] for row in rows.tolist()]
    assert list(taken[1]) == [proteins[row] for row in rows.tolist()]
