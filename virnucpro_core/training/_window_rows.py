"""Collecting drawn windows into the window table."""

from __future__ import annotations

import numpy as np

from virnucpro_core.training._collection import CollectedGenome
from virnucpro_core.training._dataset_tables import WindowTable
from virnucpro_core.training._draw import DrawnWindows

__all__ = ["WindowRows"]


class WindowRows:
    """Rows of the window table, in the order in which the windows were drawn.

    Args:
        genomes: G genomes.
        clusters, parts: of the G genomes.
    """

    def __init__(
        self, genomes: list[CollectedGenome], clusters: list[str], parts: list[int]
    ) -> None:
        self._genomes = genomes
        self._clusters = clusters
        self._parts = np.array(parts, dtype=np.int64)
        self._labels = np.array([genome.row.label for genome in genomes], dtype=np.int64)
        self._drawn = [np.empty((4, 0), dtype=np.int64)]
        self._n_rows = 0

    def append(self, drawn: DrawnWindows) -> tuple[list[str], int]:
        """Add windows.

        Returns:
            Their ids, and the row of the first.
        """
        first, self._n_rows = self._n_rows, self._n_rows + len(drawn.genome)
        n_frames = np.bincount(drawn.window, minlength=len(drawn.genome))
        self._drawn.append(np.stack([drawn.genome, drawn.start, drawn.length, n_frames]))
        return [_window_id(row) for row in range(first, self._n_rows)], first

    def to_table(self) -> WindowTable:
        """All windows."""
        genome, start, length, n_frames = np.concatenate(self._drawn, axis=1)
        rows = genome.tolist()
        return WindowTable(
            id=[_window_id(row) for row in range(self._n_rows)],
            genome=[self._genomes[row].row.name for row in rows],
            label=self._labels[genome],
            group=[self._genomes[row].row.group for row in rows],
            cluster=[self._clusters[row] for row in rows],
            split=self._parts[genome],
            start=start,
            length=length,
            n_frames=n_frames,
        )


def _window_id(row: int) -> str:
    return f"w{row + 1}"
