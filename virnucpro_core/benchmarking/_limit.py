"""How fast this machine multiplies matrices of a model's shapes, and what a model needs.

Shapes: ``T`` tokens, ``K`` numbers in, ``N`` numbers out of a linear layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from numpy.typing import NDArray

from virnucpro_core.benchmarking._timing import seconds_of
from virnucpro_core.models import DnabertSConfig, Esm2Config

__all__ = ["Work", "layer_shapes", "measure_limit", "work_of"]

_REPETITIONS = 3


@dataclass(frozen=True, slots=True)
class Work:
    """Floating-point operations (a multiplication and an addition are two) of an embedding.

    Attributes:
        linear: of the linear layers: 2 per weight and token.
        attention: of queries times keys and of weights times values: 4 · length² · width per
            sequence and layer.
    """

    linear: int
    attention: int


def layer_shapes(config: Esm2Config | DnabertSConfig) -> list[tuple[int, int]]:
    """``(K, N)`` of the linear layers of one transformer layer."""
    width, inner = config.width, config.feed_forward_width
    first = inner if isinstance(config, Esm2Config) else 2 * inner  # DNABERT-S has a gate
    return [(width, 3 * width), (width, width), (width, first), (inner, width)]


def work_of(config: Esm2Config | DnabertSConfig, lengths: NDArray[np.int64]) -> Work:
    """The work on sequences of ``lengths`` tokens, special tokens included."""
    weights = sum(n_in * n_out for n_in, n_out in layer_shapes(config))
    return Work(
        linear=2 * config.n_layers * weights * int(lengths.sum()),
        attention=4 * config.n_layers * config.width * int((lengths**2).sum()),
    )


def measure_limit(shapes: Sequence[tuple[int, int]], n_tokens: int, precision: str) -> float:
    """Operations per second of bare matrix products, each shape weighted as in a layer.

    Args:
        shapes: ``(K, N)`` of each.
        n_tokens: rows of the left matrix.
        precision: ``fp32``, ``bf16``, ``fp16``, or ``int8``: bytes times bytes by oneDNN, without
            making bytes of the activations.

    Returns:
        The best of a few repetitions.
    """
    seconds = 0.0
    with torch.inference_mode():
        for n_in, n_out in shapes:
            product = _product(n_in, n_out, n_tokens, precision)
            product()  # chooses kernels and fills caches
            seconds += min(seconds_of(product) for _ in range(_REPETITIONS))
    return 2 * n_tokens * sum(n_in * n_out for n_in, n_out in shapes) / seconds


def _product(n_in: int, n_out: int, n_tokens: int, precision: str) -> Callable[[], object]:
    if precision == "int8":
        weight = torch.randint(-64, 64, (n_out, n_in), dtype=torch.int8)
        packed = torch.ops.onednn.qlinear_prepack(weight, None)
        x = torch.randint(0, 255, (n_tokens, n_in), dtype=torch.uint8)
        scales, zeros = torch.ones(n_out), torch.zeros(n_out, dtype=torch.int32)
        return lambda: torch.ops.onednn.qlinear_pointwise(
            x, 1.0, 128, packed, scales, zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    weight = torch.randn(n_out, n_in).to(dtype)
    activations = torch.randn(n_tokens, n_in).to(dtype)
    bias = torch.randn(n_out).to(dtype)
    return lambda: F.linear(activations, weight, bias)
