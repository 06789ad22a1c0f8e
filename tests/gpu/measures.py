"""How fast the encoders run on a device, against what the device can do.

Shapes: ``T`` tokens, ``K`` numbers in, ``N`` numbers out of a linear layer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import nn

from virnucpro_core.embedding import EmbedSettings, embed
from virnucpro_core.models import Encoder, Tokenizer
from virnucpro_core.store import ByteStrings

__all__ = ["Limit", "Speed", "linear_weights", "measure_limit", "measure_speed", "square_limit"]


@dataclass(frozen=True, slots=True)
class Limit:
    """What the device reaches on bare matrix products.

    Attributes:
        n_tokens: rows of the left matrix.
        tflops: 10¹² operations per second (a multiplication and an addition are two).
        seconds: how long it was kept busy.
    """

    n_tokens: int
    tflops: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Speed:
    """What `embed` reached.

    Attributes:
        n_sequences, n_tokens, n_batches: what went through the encoder, special tokens included.
        seconds: wall time of `embed`, start and end included.
        tokens_per_second, sequences_per_second: over that time.
        tflops: 10¹² operations per second, counting 2 · weights of linear layers · tokens and no
            attention.
        loader_share: share of the wall time in which the host waited for the loader.
        between_batches_share: share of the time from the first batch's start to the last one's end
            in which the encoder was not at work, by CUDA events around every batch: pooling,
            copies, and any wait for the host. None on the CPU.
        peak_gib: most device memory that was taken, None on the CPU.
    """

    n_sequences: int
    n_tokens: int
    n_batches: int
    seconds: float
    tokens_per_second: float
    sequences_per_second: float
    tflops: float
    loader_share: float
    between_batches_share: float | None
    peak_gib: float | None


def linear_weights(encoder: Encoder) -> int:
    """Weights of the linear layers, without biases: each is used once per token."""
    return sum(part.weight.numel() for part in encoder.modules() if isinstance(part, nn.Linear))


def measure_limit(encoder: Encoder, n_tokens: int, seconds: float) -> Limit:
    """Bare products of one layer's shapes, in turn, in the encoder's own number format.

    Args:
        encoder: its first layer's weights are multiplied, on its device.
        n_tokens: T.
        seconds: about how long; a device that gets warm becomes slower.
    """
    linears = [part for part in encoder.layers[0].modules() if isinstance(part, nn.Linear)]
    weights = [(linear.weight, linear.bias) for linear in linears]
    inputs = [
        torch.randn(n_tokens, weight.shape[1], device=weight.device).to(weight.dtype)
        for weight, _ in weights
    ]

    def products() -> None:
        for x, (weight, bias) in zip(inputs, weights, strict=True):
            F.linear(x, weight, bias)

    n_operations = 2 * n_tokens * sum(weight.numel() for weight, _ in weights)
    return _limit(products, n_operations, n_tokens, weights[0][0].device, seconds)


def square_limit(size: int, device: torch.device, dtype: torch.dtype, seconds: float) -> Limit:
    """Bare products of two square matrices of random numbers."""
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return _limit(lambda: left @ right, 2 * size**3, size, device, seconds)


def _limit(
    action: Callable[[], object],
    n_operations: int,
    n_tokens: int,
    device: torch.device,
    seconds: float,
) -> Limit:
    with torch.inference_mode():
        _timed(action, 3, device)  # chooses kernels
        once = _timed(action, 3, device) / 3
        n_times = max(3, round(seconds / once))
        taken = _timed(action, n_times, device)
    return Limit(n_tokens, n_times * n_operations / taken / 1e12, taken)


def _timed(action: Callable[[], object], n_times: int, device: torch.device) -> float:
    """Seconds that the device takes to do it ``n_times``."""
    _wait(device)
    started = time.perf_counter()
    for _ in range(n_times):
        action()
    _wait(device)
    return time.perf_counter() - started


def measure_speed(
    strings: Callable[[int], ByteStrings],
    encoder: Encoder,
    tokenizer: Tokenizer,
    settings: EmbedSettings,
    seconds: float,
) -> Speed:
    """Run `embed` for about ``seconds``, after a warm-up that also says how many sequences to take.

    Args:
        strings: makes so many sequences, all different.
        encoder: on the device, in the settings' number format.
        tokenizer: the encoder's.
        settings: device, number format, token budget.
        seconds: how long to measure.
    """
    n_warm_up = 64
    while True:
        some = strings(n_warm_up)
        embed(some, encoder, tokenizer, settings)
        result = embed(some, encoder, tokenizer, settings)
        # Long enough, and enough batches, to say how long the rest would take.
        if result.seconds > seconds / 20 and result.n_batches > 2:
            break
        n_warm_up *= 4
    n_sequences = max(n_warm_up, round(n_warm_up * seconds / result.seconds))
    many = strings(n_sequences)
    on_cuda = settings.device.type == "cuda"
    if on_cuda:
        torch.cuda.reset_peak_memory_stats(settings.device)
    with _batch_events(encoder, on_cuda) as events:
        result = embed(many, encoder, tokenizer, settings)
        _wait(settings.device)
    return Speed(
        n_sequences=n_sequences,
        n_tokens=result.n_tokens,
        n_batches=result.n_batches,
        seconds=result.seconds,
        tokens_per_second=result.n_tokens / result.seconds,
        sequences_per_second=n_sequences / result.seconds,
        tflops=2 * linear_weights(encoder) * result.n_tokens / result.seconds / 1e12,
        loader_share=result.idle_seconds / result.seconds,
        between_batches_share=_between(events) if on_cuda else None,
        peak_gib=torch.cuda.max_memory_allocated(settings.device) / 2**30 if on_cuda else None,
    )


@contextmanager
def _batch_events(
    encoder: Encoder, on_cuda: bool
) -> Iterator[list[tuple[torch.cuda.Event, torch.cuda.Event]]]:
    """Events at the start and at the end of every batch that goes through the encoder."""
    pairs: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
    if not on_cuda:
        yield pairs
        return
    started: list[torch.cuda.Event] = []

    def record() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def before(*_: object) -> None:
        started.append(record())

    def after(*_: object) -> None:
        # The last one: a batch that did not fit has a start and no end.
        pairs.append((started[-1], record()))

    hooks = [encoder.register_forward_pre_hook(before), encoder.register_forward_hook(after)]
    try:
        yield pairs
    finally:
        for hook in hooks:
            hook.remove()


def _between(pairs: list[tuple[torch.cuda.Event, torch.cuda.Event]]) -> float:
    """Share of the time between the first start and the last end that no batch covers."""
    busy = sum(start.elapsed_time(stop) for start, stop in pairs)
    return max(0.0, 1.0 - busy / pairs[0][0].elapsed_time(pairs[-1][1]))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
