"""Parts of a run: committed beside the encoder while it works, taken up again after a loss."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from virnucpro_core.embedding._code import embedding_code_sha256
from virnucpro_core.embedding._settings import ALONE_BUDGET, EmbedSettings
from virnucpro_core.errors import StoppedError, StoreError
from virnucpro_core.store import (
    BadPart,
    Checkpoint,
    EmbeddingInfo,
    EmbeddingWork,
    Part,
    open_store,
)

__all__ = [
    "CheckpointPlan",
    "PartWriter",
    "Resumed",
    "choose_token_budget",
    "plan_checkpoint",
    "resume",
]

_MOST_PART_BYTES = 128 << 20
"""A fast device fills a part before its time is up; this bounds the memory that a part takes."""

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class CheckpointPlan:
    """Where parts go, and how often.

    Attributes:
        checkpoint: the parts of this work.
        part_seconds: time between two parts; 0 commits every batch. About this much work is lost
            with a machine.
    """

    checkpoint: Checkpoint
    part_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Resumed:
    """What earlier attempts had committed.

    Attributes:
        is_done: bool [n], which sequences have their embedding.
        bad_parts: those that could not be used; what was in them is embedded again.
    """

    is_done: NDArray[np.bool_]
    bad_parts: tuple[BadPart, ...]

    @classmethod
    def nothing(cls, n_sequences: int) -> Resumed:
        """A start from the beginning."""
        return cls(np.zeros(n_sequences, dtype=np.bool_), ())


def plan_checkpoint(
    location: str,
    info: EmbeddingInfo,
    *,
    label: str,
    molecule: str,
    n_sequences: int,
    width: int,
    settings: EmbedSettings,
    part_seconds: float,
) -> CheckpointPlan:
    """Keep the parts of a shard's embeddings at ``location``.

    Args:
        location: a directory or an s3:// prefix.
        info: what makes the embeddings.
        label: name of the shard, for people.
        molecule: ``"dna"`` or ``"protein"``.
        n_sequences: sequences of the shard.
        width: D.
        settings: how the encoder runs.
        part_seconds: time between two parts.

    Raises:
        UsageError: there is no such kind of store.
    """
    work = EmbeddingWork(
        label=label,
        molecule=molecule,
        shard_sha256=info.shard_sha256,
        n_sequences=n_sequences,
        model=info.model,
        weights_sha256=info.weights_sha256,
        layer=info.layer,
        pooling=info.pooling,
        engine=info.engine,
        precision=info.precision,
        attention=settings.attention,
        width=width,
        code_sha256=embedding_code_sha256(),
    )
    return CheckpointPlan(Checkpoint(open_store(location), work), part_seconds)


def choose_token_budget(checkpoint: Checkpoint, wanted: int, *, is_forced: bool) -> int:
    """The token budget to go on with.

    What another machine with other caches began is finished as it was begun: with another budget
    the plan of batches would be another, and its parts worth nothing. Not so a run whose every
    sequence was a batch of its own: that is slow, and only for who asks for it.

    Args:
        checkpoint: the parts of this work.
        wanted: the budget that suits this machine.
        is_forced: whether the user asked for it; then it stays.

    Raises:
        StoreError: the store cannot be read.
    """
    begun = {} if is_forced else checkpoint.token_budgets()
    begun.pop(ALONE_BUDGET, None)
    return max(begun, key=lambda budget: (begun[budget], budget), default=wanted)


def resume(checkpoint: Checkpoint, token_budget: int, values: NDArray[np.float32]) -> Resumed:
    """Fill ``values`` (float32 [n, D]) with what earlier attempts have committed.

    Raises:
        StoreError: the store cannot be read.
    """
    is_done = np.zeros(len(values), dtype=np.bool_)
    bad_parts: list[BadPart] = []
    for part in checkpoint.read(token_budget):
        if isinstance(part, BadPart):
            bad_parts.append(part)
            continue
        values[part.indices] = part.values
        is_done[part.indices] = True
    return Resumed(is_done, tuple(bad_parts))


class PartWriter:
    """Commits finished rows of ``values`` as parts, in a thread beside the encoder.

    At most one part waits to be written while the next is filled: a store that cannot keep up
    slows the encoder down instead of filling the memory.

    Args:
        plan: where parts go, and how often.
        token_budget: of the batches that the rows come from.
        values: float32 [n, D]; a row is read once it has been announced.
        is_stopped: asked while a slow store is waited for.
        clock: seconds, growing.

    Attributes:
        n_committed: parts that are safe.
    """

    def __init__(
        self,
        plan: CheckpointPlan,
        token_budget: int,
        values: NDArray[np.float32],
        is_stopped: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._token_budget = token_budget
        self._values = values
        self._is_stopped = is_stopped
        self._clock = clock
        self._begun = clock()
        self._finished: list[NDArray[np.int64]] = []
        self._n_rows = 0
        self._parts: queue.Queue[Part | None] = queue.Queue(maxsize=1)
        self._error: Exception | None = None
        self.n_committed = 0
        # A daemon, for a store that hangs must not keep a process alive that was told to stop.
        self._thread = threading.Thread(target=self._write, name="part writer", daemon=True)
        self._thread.start()

    def add(self, indices: NDArray[np.int64]) -> None:
        """Announce that the rows ``indices`` (int64 [m]) are finished; commit if it is time.

        Raises:
            StoreError: an earlier part could not be written.
            StoppedError: ``is_stopped`` was true while the store was waited for.
        """
        self._raise_error()
        self._finished.append(indices)
        self._n_rows += len(indices)
        n_bytes = self._n_rows * self._values[:1].nbytes
        if self._clock() - self._begun >= self._plan.part_seconds or n_bytes >= _MOST_PART_BYTES:
            self._hand_over()

    def finish(self, timeout: float | None = None) -> None:
        """Commit what is left and wait until all is safe.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes.

        Raises:
            StoreError: a part could not be written, or not in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if self._hand_over(deadline) and self._put(None, deadline):
            self._thread.join(_left(deadline))
        self._raise_error()
        if self._thread.is_alive():
            raise StoreError(
                f"the last part was not written within {timeout:g} s", remedy="start again"
            )

    def _hand_over(self, deadline: float | None = None) -> bool:
        """Give what is finished to the thread; false when it took none until the deadline."""
        if self._finished:
            indices = np.sort(np.concatenate(self._finished))
            if not self._put(Part(indices, self._values[indices]), deadline):
                return False
        self._finished, self._n_rows, self._begun = [], 0, self._clock()
        return True

    def _put(self, part: Part | None, deadline: float | None) -> bool:
        while True:
            try:
                self._parts.put(part, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                if deadline is not None:
                    if time.monotonic() >= deadline:
                        return False
                elif self._is_stopped():
                    raise StoppedError("stopped by a signal") from None

    def _write(self) -> None:
        while (part := self._parts.get()) is not None:
            if self._error is not None:
                continue  # only take it, so that nobody waits for room
            try:
                self._plan.checkpoint.commit(self._token_budget, part)
                self.n_committed += 1
            except Exception as error:  # raised in the thread that embeds
                self._error = error

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0.0)
