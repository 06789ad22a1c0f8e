"""Sequences that no organism has, to learn how a genome differs from them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from virnucpro_core.store import ByteStrings

__all__ = ["made_up", "repeated", "shuffled_letters", "shuffled_pairs", "uniform"]

_COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")
_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)


def made_up(windows: ByteStrings, rng: np.random.Generator) -> Iterator[bytes]:
    """A sequence of the length of each window, by turns of the four kinds of this module."""
    for number, letters in enumerate(windows):
        if number % 4 == 0:
            yield shuffled_pairs(letters, rng)
        elif number % 4 == 1:
            yield shuffled_letters(letters, rng)
        elif number % 4 == 2:
            yield uniform(len(letters), rng)
        else:
            yield repeated(len(letters), rng)


def uniform(length: int, rng: np.random.Generator) -> bytes:
    """``length`` bases, each as likely as the others."""
    return _BASES[rng.integers(len(_BASES), size=length)].tobytes()


def repeated(length: int, rng: np.random.Generator) -> bytes:
    """``length`` bases of a few short random pieces in a row, again and again, of either strand.

    Artefacts are made like that, of primers and adapters.
    """
    pieces = [uniform(int(rng.integers(15, 36)), rng) for _ in range(int(rng.integers(2, 9)))]
    found = b""
    while len(found) < length:
        piece = pieces[int(rng.integers(len(pieces)))]
        found += piece.translate(_COMPLEMENT)[::-1] if rng.random() < 0.5 else piece
    return found[:length]


def shuffled_letters(letters: bytes, rng: np.random.Generator) -> bytes:
    """The same letters in another order."""
    return rng.permutation(np.frombuffer(letters, dtype=np.uint8)).tobytes()


def shuffled_pairs(letters: bytes, rng: np.random.Generator) -> bytes:
    """The same letters with the same neighbours: as often each letter after each other one.

    Any such sequence is as likely as the others. They are the Eulerian paths of the graph of
    neighbours (Altschul and Erickson 1985); the last steps of a path form a tree that leads to the
    last letter, drawn here by random walks (Wilson 1996).
    """
    if not letters:
        return b""
    codes = list(letters)
    follows: dict[int, list[int]] = {}
    for letter, next_one in pairwise(codes):
        follows.setdefault(letter, []).append(next_one)
    leaves: dict[int, int] = {}
    in_tree = {codes[-1]}
    for start in follows:
        letter = start
        while letter not in in_tree:  # where a walk comes by again, its last step counts
            leaves[letter] = follows[letter][int(rng.integers(len(follows[letter])))]
            letter = leaves[letter]
        letter = start
        while letter not in in_tree:
            in_tree.add(letter)
            letter = leaves[letter]
    for letter, after in follows.items():
        if letter in leaves:
            after.remove(leaves[letter])
        order = [after[row] for row in rng.permutation(len(after)).tolist()]
        follows[letter] = [*order, leaves[letter]] if letter in leaves else order
    steps = {letter: iter(after) for letter, after in follows.items()}
    path = [codes[0]]
    for _ in range(len(codes) - 1):
        path.append(next(steps[path[-1]]))
    return bytes(path)
