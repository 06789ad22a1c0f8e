"""Running an encoder over many sequences and pooling what it gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro_core.embedding._attempts import (
    SOLO_ATTEMPTS,
    run_batches,
    sequence_does_not_fit,
)
from virnucpro_core.embedding._blocks import Strings
from virnucpro_core.embedding._duplicates import find_unique
from virnucpro_core.embedding._failures import Failures, sequence_name, try_alone
from virnucpro_core.embedding._loader import PackedBatch, loader_processes, packed_batches
from virnucpro_core.embedding._parts import (
    CheckpointPlan,
    PartWriter,
    Resumed,
    choose_token_budget,
    resume,
)
from virnucpro_core.embedding._pooling import mean_pool
from virnucpro_core.embedding._reference import ReferenceEncoder
from virnucpro_core.embedding._rows import ArrivingRows, RemainingBatches
from virnucpro_core.embedding._settings import ALONE_BUDGET, EmbedSettings
from virnucpro_core.embedding._transfer import Downloads
from virnucpro_core.errors import StoppedError, StoreError
from virnucpro_core.models import Encoder, Tokenizer
from virnucpro_core.store import BadPart, SetAside

__all__ = ["EmbedResult", "EncodedBatch", "embed", "encode_batches"]

_STOP_SECONDS = 4.0
"""How long the last part may take to be written when the run was told to stop."""


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """Embeddings of ``n`` sequences and what they took.

    Attributes:
        values: float32 [n, D], in the order of the input; NaN where a sequence was set aside.
        set_aside: uint8 [n], a `SetAside` for every sequence.
        n_unique: distinct sequences, each of which was embedded once; of the reference engine all.
        n_resumed: sequences whose embedding an earlier attempt had committed.
        n_tokens: tokens of the distinct sequences, special tokens included.
        n_batches: packed batches that went through the encoder.
        begun_budget: token budget of an earlier attempt, where the run went on with that in place
            of its own; else None.
        bad_parts: committed parts that could not be used, and were embedded again.
        seconds: wall time.
        idle_seconds: time in which the encoder waited for the loader. On a CUDA device, which may
            still have work then, its idle time is at most this.
    """

    values: NDArray[np.float32]
    set_aside: NDArray[np.uint8]
    n_unique: int
    n_resumed: int
    n_tokens: int
    n_batches: int
    begun_budget: int | None
    bad_parts: tuple[BadPart, ...]
    seconds: float
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """A batch of ``B`` sequences and ``T`` tokens, and what the encoder made of it.

    Attributes:
        batch: which sequences these are, and where each lies.
        hidden: [T, D] on the encoder's device, in the order of the batch's tokens.
    """

    batch: PackedBatch
    hidden: torch.Tensor


def encode_batches(
    strings: Strings,
    encoder: Encoder,
    tokenizer: Tokenizer,
    settings: EmbedSettings,
    *,
    layer: int | None = None,
    n_processes: int | None = None,
) -> Generator[EncodedBatch, None, None]:
    """Encode ``strings`` in packed batches, in an order that is the encoder's to choose.

    Every sequence is in exactly one batch. A batch that does not fit the device comes in halves.

    Args:
        layer: number of the layer whose output is given; None for the last.
        n_processes: processes that tokenise; None chooses.

    Raises:
        HostMemoryError, DeviceMemoryError: a single sequence does not fit the device; names it.
    """
    n_processes = loader_processes(strings, settings) if n_processes is None else n_processes
    batches = packed_batches(
        strings, tokenizer, settings.budget_for(encoder), n_processes=n_processes
    )

    def encode(tokens: torch.Tensor, cu_seqlens: torch.Tensor) -> torch.Tensor:
        return encoder(tokens, cu_seqlens, layer=layer)

    with closing(batches):
        for batch, hidden in run_batches(batches, encode, settings.device):
            if hidden is None:
                where = sequence_name(int(batch.indices[0]), None)
                raise sequence_does_not_fit(len(batch.tokens), where, settings.device)
            yield EncodedBatch(batch, hidden)


def embed(
    strings: Strings,
    encoder: Encoder,
    tokenizer: Tokenizer,
    settings: EmbedSettings,
    *,
    layer: int | None = None,
    ids: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
    n_processes: int | None = None,
    plan: CheckpointPlan | None = None,
    max_failed_fraction: float = 0.0,
    is_stopped: Callable[[], bool] = lambda: False,
) -> EmbedResult:
    """Embed ``strings`` (each at least one letter long): one vector each, the mean of its tokens.

    Identical sequences are embedded once, but for the reference engine, which plans its own
    batches. A sequence that fails alone twice, for want of memory or
    with a result that is not finite, is set aside. With a ``plan``, what earlier attempts have
    committed is not embedded again, and the result is the same to the bit as without a loss (on
    the same kind of processor).

    Args:
        strings: the sequences: in memory, or in a shard that loader processes read themselves.
        layer: number of the layer whose output is pooled; None for the last.
        ids: names of the sequences, for messages.
        progress: called with the number of sequences done, after each batch.
        n_processes: processes that tokenise, 0 for a thread of this one; None chooses. The
            embeddings do not depend on it.
        plan: where and how often finished work is committed; None for not at all.
        max_failed_fraction: of all sequences, how many may be set aside.
        is_stopped: asked after every batch; when it is true, what is finished is committed and the
            run ends.

    Raises:
        NumericError: more embeddings than may fail have NaN or infinity; names the first.
        HostMemoryError, DeviceMemoryError: more single sequences than may fail do not fit the
            device; names the first.
        StoreError: a part cannot be read or committed.
        StoppedError: ``is_stopped`` was true; what was finished is committed.
    """
    started = time.perf_counter()
    n_strings = len(strings)
    reference = encoder if isinstance(encoder, ReferenceEncoder) else None
    if reference is None:
        unique, occurrence = find_unique(strings.slice(0, n_strings))
    else:
        unique = occurrence = np.arange(n_strings)
    # Rows of repeated sequences are filled at the end.
    values = np.empty((n_strings, encoder.width), dtype=np.float32)
    own_budget = token_budget = settings.budget_for(encoder)
    resumed = Resumed.nothing(n_strings)
    writer: PartWriter | None = None
    if plan is not None:
        token_budget = choose_token_budget(
            plan.checkpoint, own_budget, is_forced=settings.has_own_budget
        )
        resumed = resume(plan.checkpoint, token_budget, values)
        writer = PartWriter(plan, token_budget, values, is_stopped)
    failures = Failures(occurrence, unique, max_failed_fraction, ids, settings.device)
    copies = np.bincount(unique[occurrence], minlength=n_strings)
    rows = ArrivingRows(values, copies, progress, writer)

    def encode_and_pool(tokens: torch.Tensor, cu_seqlens: torch.Tensor) -> torch.Tensor:
        hidden = encoder(tokens, cu_seqlens, layer=layer)
        return mean_pool(hidden, cu_seqlens, special_tokens=encoder.pooled_special_tokens)

    def batches_of(
        indices: NDArray[np.int64], budget: int, n_processes: int = 0
    ) -> Generator[PackedBatch, None, None]:
        return packed_batches(
            strings,
            tokenizer,
            budget,
            indices=indices,
            n_processes=n_processes,
            plan=None if reference is None else reference.plan,
            is_stopped=is_stopped,
        )

    def try_those_not_finite() -> None:
        # Embedding them again, alone, does not change how the others are embedded.
        suspects, n_some = rows.take_not_finite(), failures.n_that_decide
        for start in range(0, len(suspects), n_some):
            some = suspects[start : start + n_some]
            for _ in range(SOLO_ATTEMPTS):
                with closing(batches_of(some, ALONE_BUDGET)) as made_alone:
                    alone = run_batches(made_alone, encode_and_pool, settings.device)
                    some = try_alone(alone, values, failures, writer)
            failures.check()

    if n_processes is None:
        n_processes = loader_processes(strings, settings)
    if reference is not None:
        n_processes = 0
    with closing(batches_of(unique, token_budget, n_processes)) as made, _saving(writer):
        batches = RemainingBatches(made, resumed.is_done, rows.count)
        downloads = Downloads(values, settings.device, rows.arrived)
        n_batches = 0
        for batch, pooled in run_batches(batches, encode_and_pool, settings.device):
            n_batches += 1
            if pooled is None:
                failures.add(int(batch.indices[0]), SetAside.MEMORY, len(batch.tokens))
                failures.check()
            else:
                downloads.add(batch.indices, pooled)
            if is_stopped():
                downloads.finish()
                raise StoppedError("stopped by a signal")
            if rows.n_not_finite >= failures.n_that_decide:
                # They may end the run: then the rest need not be embedded first.
                try_those_not_finite()
        downloads.finish()
        try_those_not_finite()
    set_aside = failures.status()
    if len(unique) < n_strings:
        values = values[unique[occurrence]]
    values[set_aside != SetAside.EMBEDDED] = np.nan
    return EmbedResult(
        values=values,
        set_aside=set_aside,
        n_unique=len(unique),
        n_resumed=int(resumed.is_done[unique[occurrence]].sum()),
        n_tokens=batches.n_tokens,
        n_batches=n_batches,
        begun_budget=None if token_budget == own_budget else token_budget,
        bad_parts=resumed.bad_parts,
        seconds=time.perf_counter() - started,
        idle_seconds=batches.idle_seconds,
    )


@contextmanager
def _saving(writer: PartWriter | None) -> Iterator[None]:
    """Commit what is finished, however the block ends."""
    if writer is None:
        yield
        return
    try:
        yield
    except StoppedError as stopped:
        try:
            writer.finish(_STOP_SECONDS)
        except StoreError as error:
            raise StoppedError(f"{stopped.what}; the last part is lost: {error}") from error
        raise
    except StoreError:
        # Most likely the writer's own; its thread would wait for more for ever.
        with suppress(StoreError):
            writer.finish(_STOP_SECONDS)
        raise
    except BaseException:
        writer.finish()
        raise
    writer.finish()
