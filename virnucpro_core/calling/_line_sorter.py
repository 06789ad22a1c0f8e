"""Sorting more lines than fit in memory: sorted runs on disk, merged as they are read."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from virnucpro_core.errors import StoreError

__all__ = ["LineSorter"]


class LineSorter:
    """Sorts tab-separated lines by their first field, byte by byte.

    For UTF-8 that is the order of the text's code points. Memory holds ``lines_per_run`` lines;
    at most ``fan_in`` runs of a size are open at once, whatever the number of lines.

    Args:
        directory: where the runs are kept; they are gone when the sorter is left.
    """

    def __init__(self, directory: Path, *, lines_per_run: int = 500_000, fan_in: int = 64) -> None:
        self._lines_per_run = lines_per_run
        self._fan_in = fan_in
        self._where = str(directory)
        self._pending: list[bytes] = []
        # Runs by generation: fan_in runs of one generation become one of the next.
        self._runs: list[list[Path]] = []
        self._n_runs = 0
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._folder = tempfile.TemporaryDirectory(prefix=".sort.", dir=directory)
        except OSError as error:
            raise self._failure(error) from error

    def __enter__(self) -> LineSorter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def add(self, lines: Iterable[bytes]) -> None:
        """Take ``lines``, each with its line break.

        Raises:
            StoreError: the disk is full.
        """
        self._pending.extend(lines)
        if len(self._pending) >= self._lines_per_run:
            self._pending.sort(key=_first_field)
            self._save(self._pending, generation=0)
            self._pending = []

    def sorted_lines(self) -> Iterator[bytes]:
        """All lines, sorted."""
        self._pending.sort(key=_first_field)
        runs = [run for generation in self._runs for run in generation]
        with ExitStack() as stack:
            files: list[Iterable[bytes]] = [stack.enter_context(run.open("rb")) for run in runs]
            yield from heapq.merge(*files, self._pending, key=_first_field)

    def _save(self, lines: Iterable[bytes], *, generation: int) -> None:
        self._n_runs += 1
        path = Path(self._folder.name) / f"{self._n_runs}.tsv"
        try:
            with path.open("wb") as file:
                file.writelines(lines)
        except OSError as error:
            raise self._failure(error) from error
        if generation == len(self._runs):
            self._runs.append([])
        runs = self._runs[generation]
        runs.append(path)
        if len(runs) == self._fan_in:
            with ExitStack() as stack:
                files = [stack.enter_context(run.open("rb")) for run in runs]
                self._save(heapq.merge(*files, key=_first_field), generation=generation + 1)
            for run in runs:
                run.unlink()
            runs.clear()

    def _failure(self, error: OSError) -> StoreError:
        return StoreError(
            f"sorting needs temporary files, which cannot be written ({error})",
            where=self._where,
            remedy="check free space and permissions",
        )


def _first_field(line: bytes) -> bytes:
    return line.partition(b"\t")[0]
