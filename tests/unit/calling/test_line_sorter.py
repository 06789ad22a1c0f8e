"""Sorting on disk gives what sorting in memory gives."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from virnucpro_core.calling._line_sorter import LineSorter


@pytest.mark.parametrize(("lines_per_run", "fan_in"), [(10_000, 64), (7, 64), (3, 2), (1, 3)])
def test_order_is_that_of_the_ids_as_text(tmp_path: Path, lines_per_run: int, fan_in: int) -> None:
    rng = random.Random(lines_per_run)
    # "!" sorts before the letters but behind the tab; a whole-line sort would misplace "a!".
    ids = {"".join(rng.choices("ab1!_Z\x01", k=rng.randint(1, 6))) for _ in range(400)}
    lines = [f"{name}\t{rng.random()}\n".encode() for name in ids]
    with LineSorter(tmp_path, lines_per_run=lines_per_run, fan_in=fan_in) as sorter:
        for start in range(0, len(lines), 5):
            sorter.add(lines[start : start + 5])
        found = [line.decode().split("\t")[0] for line in sorter.sorted_lines()]
    assert found == sorted(ids)


def test_runs_are_merged_before_they_become_too_many_to_open(tmp_path: Path) -> None:
    with LineSorter(tmp_path, lines_per_run=1, fan_in=4) as sorter:
        for number in range(1000):
            sorter.add([b"%04d\t\n" % (number * 7 % 1000)])
        runs = list(tmp_path.glob("*/*.tsv"))
        assert len(runs) < 3 * 5  # at most three of each of five generations
        assert [line[:4] for line in sorter.sorted_lines()] == [b"%04d" % n for n in range(1000)]


def test_nothing_stays_on_disk(tmp_path: Path) -> None:
    with LineSorter(tmp_path, lines_per_run=1) as sorter:
        sorter.add([b"a\t\n"])
        sorter.add([b"b\t\n"])
        assert len(list(tmp_path.glob("*/*.tsv"))) == 2
    assert list(tmp_path.iterdir()) == []
