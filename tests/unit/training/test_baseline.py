from __future__ import annotations

import numpy as np
import pytest

from virnucpro_core.store import ByteStrings
from virnucpro_core.training import KmerModel, count_kmers


def strings(*texts: bytes) -> ByteStrings:
    return ByteStrings.from_iterable(texts)


def test_a_kmer_and_its_reverse_complement_count_as_one() -> None:
    # Ten canonical 2-mers, in the order of the smaller of both: AA AC AG AT CA CC CG GA GC TA.
    table = count_kmers(strings(b"AACGT", b"TTTTT", b"GG"), sizes=[2])
    assert table.shape == (3, 10)
    # AA, AC, CG, GT = AC
    assert table[0].tolist() == [0.25, 0.5, 0, 0, 0, 0, 0.25, 0, 0, 0]
    assert table[1].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    assert table[2, 5] == 1
    forward, backward = count_kmers(strings(b"ACGTTGCA", b"TGCAACGT"))
    assert (forward == backward).all()


def test_kmers_do_not_reach_over_the_end_of_a_window_nor_over_an_unknown_letter() -> None:
    table = count_kmers(strings(b"AANCC", b"C", b"", b"GT"), sizes=[2])
    assert table[0].tolist() == [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0]
    assert (table[1:3] == 0).all()
    assert table[3, 1] == 1


def test_blocks_of_windows_count_as_all_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGTN", dtype=np.uint8)
    windows = strings(*(rng.choice(letters, 30).tobytes() for _ in range(10)))
    whole = count_kmers(windows)
    monkeypatch.setattr("virnucpro_core.training._baseline._BLOCK_WINDOWS", 3)
    assert (count_kmers(windows) == whole).all()


def test_the_baseline_learns_composition() -> None:
    rng = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)

    def draw(n: int) -> tuple[ByteStrings, np.ndarray]:
        labels = np.arange(n) % 2
        shares = ([0.25] * 4, [0.4, 0.2, 0.2, 0.2])
        return strings(*(rng.choice(letters, 200, p=shares[i]).tobytes() for i in labels)), labels

    lines: list[str] = []
    model = KmerModel(draw(200), draw(100), lines.append)
    windows, labels = draw(100)
    assert ((model.predict(windows) >= 0.5) == labels).mean() > 0.8
    assert len(lines) == 4
