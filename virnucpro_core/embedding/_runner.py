"""Running an encoder over many sequences and pooling what it gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro_core.embedding._blocks import Strings
from virnucpro_core.embedding._duplicates import find_unique
from virnucpro_core.embedding._loader import PackedBatch, loader_processes, packed_batches
from virnucpro_core.embedding._pooling import mean_pool
from virnucpro_core.embedding._settings import EmbedSettings
from virnucpro_core.embedding._transfer import Downloads, Uploads
from virnucpro_core.errors import DeviceMemoryError, NumericError
from virnucpro_core.models import Encoder, Tokenizer

__all__ = ["EmbedResult", "EncodedBatch", "embed", "encode_batches"]

_Step = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """Embeddings of ``n`` sequences and what they took.

    Attributes:
        values: float32 [n, D], in the order of the input.
        n_unique: distinct sequences, each of which was embedded once.
        n_tokens: tokens that went through the encoder, special tokens included.
        n_batches: packed batches.
        seconds: wall time.
        idle_seconds: time in which the encoder waited for the loader. On a CUDA device, which may
            still have work then, its idle time is at most this.
    """

    values: NDArray[np.float32]
    n_unique: int
    n_tokens: int
    n_batches: int
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
        DeviceMemoryError: a single sequence does not fit the device; names it.
    """
    n_processes = loader_processes(strings, settings) if n_processes is None else n_processes
    batches = packed_batches(
        strings, tokenizer, settings.budget_for(encoder), n_processes=n_processes
    )

    def encode(tokens: torch.Tensor, cu_seqlens: torch.Tensor) -> torch.Tensor:
        return encoder(tokens, cu_seqlens, layer=layer)

    with closing(batches):
        for batch, hidden in _run(batches, encode, settings.device, None):
            yield EncodedBatch(batch, hidden)


def embed(
    strings: Strings,
    encoder: Encoder,
    tokenizer: Tokenizer,
    settings: EmbedSettings,
    *,
    layer: int | None = None,
    ids: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    n_processes: int | None = None,
) -> EmbedResult:
    """Embed ``strings`` (each at least one letter long): one vector each, the mean of its tokens.

    Identical sequences are embedded once.

    Args:
        strings: the sequences: in memory, or in a shard that loader processes read themselves.
        layer: number of the layer whose output is pooled; None for the last.
        ids: names of the sequences, for messages.
        progress: called with the number of sequences done and of all, after each batch.
        n_processes: processes that tokenise, 0 for a thread of this one; None chooses. The
            embeddings do not depend on it.

    Raises:
        NumericError: an embedding has NaN or infinity; names the first such sequence.
        DeviceMemoryError: a single sequence does not fit the device; names it.
    """
    started = time.perf_counter()
    n_strings = len(strings)
    unique, occurrence = find_unique(strings.slice(0, n_strings))
    copies = np.bincount(occurrence, minlength=len(unique))
    # Rows of repeated sequences are filled at the end.
    values = np.empty((n_strings, encoder.width), dtype=np.float32)
    n_done = 0

    def arrived(indices: NDArray[np.int64]) -> None:
        nonlocal n_done
        n_done += int(copies[occurrence[indices]].sum())
        if progress is not None:
            progress(n_done, n_strings)

    def encode_and_pool(tokens: torch.Tensor, cu_seqlens: torch.Tensor) -> torch.Tensor:
        hidden = encoder(tokens, cu_seqlens, layer=layer)
        return mean_pool(hidden, cu_seqlens, special_tokens=encoder.pooled_special_tokens)

    downloads = Downloads(values, settings.device, arrived)
    n_processes = loader_processes(strings, settings) if n_processes is None else n_processes
    n_tokens = n_batches = 0
    with closing(
        packed_batches(
            strings,
            tokenizer,
            settings.budget_for(encoder),
            indices=unique,
            n_processes=n_processes,
        )
    ) as made:
        batches = _Timed(made)
        for batch, pooled in _run(batches, encode_and_pool, settings.device, ids):
            downloads.add(batch.indices, pooled)
            n_tokens += len(batch.tokens)
            n_batches += 1
        downloads.finish()
    if len(unique) < n_strings:
        values = values[unique[occurrence]]
    _refuse_non_finite(values, ids)
    return EmbedResult(
        values=values,
        n_unique=len(unique),
        n_tokens=n_tokens,
        n_batches=n_batches,
        seconds=time.perf_counter() - started,
        idle_seconds=batches.idle_seconds,
    )


class _Timed:
    """An iterator over batches that adds up how long it was waited for."""

    def __init__(self, batches: Iterator[PackedBatch]) -> None:
        self._batches = batches
        self.idle_seconds = 0.0

    def __iter__(self) -> Iterator[PackedBatch]:
        return self

    def __next__(self) -> PackedBatch:
        asked = time.perf_counter()
        try:
            return next(self._batches)
        finally:
            self.idle_seconds += time.perf_counter() - asked


def _run(
    batches: Iterator[PackedBatch],
    step: _Step,
    device: torch.device,
    ids: Sequence[str] | None,
) -> Iterator[tuple[PackedBatch, torch.Tensor]]:
    """``step`` on every batch, in halves where memory is short; the host never waits for CUDA."""
    uploads = Uploads(device)
    for whole in batches:
        parts = [whole]
        while parts:
            batch = parts.pop()
            result = _attempt(step, batch, uploads, device)
            if result is not None:
                yield batch, result
            elif len(batch) > 1:
                parts.extend(reversed(batch.split()))
            else:
                raise _too_long(batch, device, ids)


def _attempt(
    step: _Step, batch: PackedBatch, uploads: Uploads, device: torch.device
) -> torch.Tensor | None:
    try:
        with torch.inference_mode():
            return step(uploads.send(batch.tokens), batch.cu_seqlens)
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
    # Only here, where the error no longer keeps what the attempt had allocated.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def _is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    # torch has no class of its own for a CPU without memory.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        "DefaultCPUAllocator" in str(error)
    )


def _too_long(
    batch: PackedBatch, device: torch.device, ids: Sequence[str] | None
) -> DeviceMemoryError:
    return DeviceMemoryError(
        f"its {len(batch.tokens)} tokens do not fit the memory of {device}, even alone",
        where=_sequence(int(batch.indices[0]), ids),
        remedy="leave it out, cut it, or use a device with more memory",
    )


def _sequence(index: int, ids: Sequence[str] | None) -> str:
    return f"sequence {index + 1}" + (f" ({ids[index]})" if ids else "")


def _refuse_non_finite(values: NDArray[np.float32], ids: Sequence[str] | None) -> None:
    finite: list[bool] = np.all(np.isfinite(values), axis=1).tolist()
    if not all(finite):
        raise NumericError(
            f"{finite.count(False)} of {len(finite)} embeddings hold NaN or infinity",
            where=_sequence(finite.index(False), ids),
            remedy="run with --precision fp32; if that does not help, verify the model bundle",
        )
