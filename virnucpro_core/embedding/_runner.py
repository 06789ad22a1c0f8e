"""Running an encoder over many sequences and pooling what it gives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from virnucpro_core.embedding._loader import packed_batches, prefetch
from virnucpro_core.embedding._settings import EmbedSettings
from virnucpro_core.errors import DeviceMemoryError, NumericError
from virnucpro_core.models import Encoder, Tokenizer
from virnucpro_core.store import ByteStrings

__all__ = ["EmbedResult", "embed", "mean_pool"]

_BATCHES_AHEAD = 4


@dataclass(frozen=True, slots=True)
class EmbedResult:
    """Embeddings of ``n`` sequences and what they took.

    Attributes:
        values: float32 [n, D], in the order of the input.
        n_tokens: tokens that went through the encoder, special tokens included.
        n_batches: packed batches.
        seconds: wall time.
        idle_seconds: time in which the encoder waited for the loader.
    """

    values: NDArray[np.float32]
    n_tokens: int
    n_batches: int
    seconds: float
    idle_seconds: float


def embed(
    strings: ByteStrings,
    encoder: Encoder,
    tokenizer: Tokenizer,
    settings: EmbedSettings,
    *,
    layer: int | None = None,
    ids: Sequence[str] | None = None,
) -> EmbedResult:
    """Embed ``strings`` (each at least one letter long): one vector each, the mean of its tokens.

    Args:
        layer: number of the layer whose output is pooled; None for the last.
        ids: names of the sequences, for messages.

    Raises:
        NumericError: an embedding has NaN or infinity; names the first such sequence.
        DeviceMemoryError: a batch does not fit the device.
    """
    started = time.perf_counter()
    values = np.empty((len(strings), encoder.width), dtype=np.float32)
    n_tokens = n_batches = 0
    idle_seconds = 0.0
    batches = prefetch(packed_batches(strings, tokenizer, settings.token_budget), _BATCHES_AHEAD)
    with torch.inference_mode():
        while True:
            asked = time.perf_counter()
            batch = next(batches, None)
            idle_seconds += time.perf_counter() - asked
            if batch is None:
                break
            tokens = batch.tokens.to(settings.device, non_blocking=True)
            try:
                hidden = encoder(tokens, batch.cu_seqlens, layer=layer)
                pooled = mean_pool(
                    hidden, batch.cu_seqlens, special_tokens=encoder.pooled_special_tokens
                )
            except torch.OutOfMemoryError as error:
                raise DeviceMemoryError(
                    f"a batch of {len(tokens)} tokens does not fit {settings.device}",
                    remedy="use a smaller --token_budget",
                ) from error
            values[batch.indices] = pooled.cpu().numpy()
            n_tokens += len(tokens)
            n_batches += 1
    _refuse_non_finite(values, ids)
    return EmbedResult(values, n_tokens, n_batches, time.perf_counter() - started, idle_seconds)


def mean_pool(
    hidden: torch.Tensor, cu_seqlens: torch.Tensor, *, special_tokens: bool
) -> torch.Tensor:
    """Mean over each sequence's tokens, computed in fp32.

    Args:
        hidden: [T, D], the tokens of B sequences end to end.
        cu_seqlens: int64 [B + 1], on the CPU.
        special_tokens: whether the first and the last token of each sequence count.

    Returns:
        float32 [B, D].
    """
    lengths = cu_seqlens.diff()
    if not special_tokens:
        keep = torch.ones(len(hidden), dtype=torch.bool)
        keep[cu_seqlens[:-1]] = False
        keep[cu_seqlens[1:] - 1] = False
        hidden = hidden[keep.to(hidden.device)]
        lengths = lengths - 2
    return torch.segment_reduce(
        hidden.float(), "mean", lengths=lengths.to(hidden.device), axis=0, unsafe=True
    )


def _refuse_non_finite(values: NDArray[np.float32], ids: Sequence[str] | None) -> None:
    finite: list[bool] = np.all(np.isfinite(values), axis=1).tolist()
    if not all(finite):
        first = finite.index(False)
        raise NumericError(
            f"{finite.count(False)} of {len(finite)} embeddings hold NaN or infinity",
            where=f"sequence {first + 1}" + (f" ({ids[first]})" if ids else ""),
            remedy="run with --precision fp32; if that does not help, verify the model bundle",
        )
