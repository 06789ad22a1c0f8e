from __future__ import annotations

import numpy as np
import pytest

from tests.unit.training.genomes import bases, complement
from virnucpro_core.training import _sketch
from virnucpro_core.training._sketch import DNA_K, dna_hashes, make_sketch, thin

pytest.importorskip("sourmash", reason="sourmash needs Python 3.11 or later")

LETTERS = bases(3_000, 1) + "N" * 40 + bases(2_000, 2) + "R" + bases(25, 3)


def array(letters: str) -> np.ndarray:
    return np.frombuffer(letters.encode(), dtype=np.uint8)


@pytest.mark.parametrize("piece", [50, 997, 1 << 20])
def test_pieces_lose_no_kmer_and_give_none_twice(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sketch, "_PIECE", piece)
    places = np.concatenate([place for place, _ in dna_hashes(array(LETTERS))])
    whole = [i for i in range(len(LETTERS) - DNA_K + 1)
             if set(LETTERS[i : i + DNA_K]) <= set("ACGT")]  # fmt: skip
    assert places.tolist() == whole
    sketch = make_sketch(array(LETTERS), 5)
    monkeypatch.undo()
    unbroken = make_sketch(array(LETTERS), 5)
    assert sketch.dna.tolist() == unbroken.dna.tolist()
    assert sketch.protein.tolist() == unbroken.protein.tolist()
    assert len(sketch.dna) == pytest.approx(5_000 / 5, rel=0.15)


def test_a_hash_is_of_its_letters_on_either_strand() -> None:
    ((_, forward),) = dna_hashes(array(LETTERS[:200]))
    ((_, reverse),) = dna_hashes(array(complement(LETTERS[:200])))
    assert forward.tolist() == reverse[::-1].tolist()


def test_a_thinned_sketch_is_the_coarser_one() -> None:
    fine, coarse = make_sketch(array(LETTERS), 5), make_sketch(array(LETTERS), 50)
    assert thin(fine.dna, 50).tolist() == coarse.dna.tolist()
    assert 0 < len(coarse.dna) < len(fine.dna)
