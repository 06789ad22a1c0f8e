"""What each way of running an encoder gives or costs, one at a time.

A few layers of an ESM-2 are run over proteins of 20–400 aa in the way that this package runs them,
and in ways that change one thing. All take turns; a row is the ratio of its speed to ours.
"""

from __future__ import annotations

import copy
import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from virnucpro_core.benchmarking._timing import seconds_of
from virnucpro_core.benchmarking._workloads import VARIED_PROTEINS
from virnucpro_core.embedding import EmbedSettings, Precision, packed_batches, resolve_settings
from virnucpro_core.errors import UsageError
from virnucpro_core.models import ESM2_CONFIGS, Esm2, Esm2Tokenizer, Int8Linear
from virnucpro_core.models._layout import PackedAttention, PackedLayout
from virnucpro_core.store import ByteStrings

__all__ = ["TechniquesReport", "measure_techniques"]

_N_LAYERS = 2
_BUDGETS = (256, 512, 1024, 2048, 4096)
_PADDED_TOKENS = 4_096

_Linear = Callable[[Tensor, Tensor], nn.Module]


@dataclass(frozen=True, slots=True)
class TechniquesReport:
    """Speeds relative to how this package runs the encoder.

    Attributes:
        model: whose layers.
        precision: number format of the reference.
        token_budget: of the reference.
        n_threads: threads.
        ratios: for each technique its speed over ours, one number a round.
        left_out: techniques that this machine does not have, with the reason.
    """

    model: str
    precision: str
    token_budget: int
    n_threads: int
    ratios: dict[str, list[float]]
    left_out: dict[str, str]

    def __str__(self) -> str:
        lines = [
            f"{_N_LAYERS} layers of {self.model}, {VARIED_PROTEINS.name}, {self.n_threads} "
            f"threads; ours: packed, {self.precision}, {self.token_budget} tokens a batch",
            "",
            "| changed | speed / ours (median, min–max) |",
            "|---|---|",
        ]
        for name, ratios in self.ratios.items():
            low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
            lines.append(f"| {name} | {middle:.2f} ({low:.2f}–{high:.2f}) |")
        lines += [f"| {name} | not measured: {why} |" for name, why in self.left_out.items()]
        return "\n".join(lines)


def measure_techniques(model: str, *, sequences: int, rounds: int) -> TechniquesReport:
    """Time every technique ``rounds`` times in turn, after one round that only warms up.

    Args:
        model: a key of `ESM2_CONFIGS`.
        sequences: proteins in a run.
        rounds: measured rounds.

    Raises:
        UsageError: there is no such model.
    """
    if model not in ESM2_CONFIGS:
        raise UsageError(f"no ESM-2 is called {model!r}", remedy=f"use {', '.join(ESM2_CONFIGS)}")
    settings = resolve_settings("cpu", Precision.AUTO, 0)
    torch.manual_seed(0)
    encoder = Esm2(replace(ESM2_CONFIGS[model], n_layers=_N_LAYERS), model)
    encoder = encoder.eval().requires_grad_(False).to(settings.dtype)
    proteins = [text.encode() for text in VARIED_PROTEINS.sequences(sequences)]
    ours, techniques, left_out = _techniques(encoder, proteins, settings)
    ratios: dict[str, list[float]] = {name: [] for name in techniques}
    with torch.inference_mode():
        for number in range(rounds + 1):
            reference = seconds_of(ours)
            for name, run in techniques.items():
                seconds = seconds_of(run)
                # The mean of the reference before and after: a drift of the machine cancels out.
                after = seconds_of(ours)
                if number > 0:
                    ratios[name].append((reference + after) / 2 / seconds)
                reference = after
    return TechniquesReport(
        model=model,
        precision=settings.precision.value,
        token_budget=settings.budget_for(encoder),
        n_threads=torch.get_num_threads(),
        ratios=ratios,
        left_out=left_out,
    )


def _techniques(
    encoder: Esm2, proteins: list[bytes], settings: EmbedSettings
) -> tuple[Callable[[], None], dict[str, Callable[[], None]], dict[str, str]]:
    budget = settings.budget_for(encoder)
    found = {
        f"budget of {tokens} tokens": _packed(encoder, proteins, tokens)
        for tokens in _BUDGETS
        if tokens != budget
    }
    found["padded, sorted by length"] = _padded(encoder, sorted(proteins, key=len))
    found["padded, in the order given"] = _padded(encoder, proteins)
    found["one sequence at a time"] = _packed(encoder, proteins, 1)
    changed: dict[str, _Linear] = {
        "weights packed for oneDNN": _OneDnnLinear,
        "int8, a scale for each token": Int8Linear.from_float,
    }
    for name, linear in changed.items():
        found[name] = _packed(_with_linears(encoder, linear), proteins, budget)
    left_out: dict[str, str] = {}
    if shutil.which("c++") or shutil.which("g++") or shutil.which("clang++"):
        found["layers compiled (torch.compile)"] = _packed(_compiled(encoder), proteins, budget)
    else:
        left_out["layers compiled (torch.compile)"] = "no C++ compiler on PATH"
    return _packed(encoder, proteins, budget), found, left_out


def _packed(encoder: Esm2, proteins: Sequence[bytes], budget: int) -> Callable[[], None]:
    strings = ByteStrings.from_iterable(proteins)
    batches = list(packed_batches(strings, Esm2Tokenizer(), budget))

    def run() -> None:
        for batch in batches:
            encoder(batch.tokens, batch.cu_seqlens)

    return run


def _padded(encoder: Esm2, proteins: Sequence[bytes]) -> Callable[[], None]:
    """The same sequences filled up to the longest of their batch, which costs what padding does."""
    filled: list[bytes] = []
    batch: list[bytes] = []
    for protein in [*proteins, None]:
        longest = max(map(len, [*batch, protein or b""]))
        if protein is None or (len(batch) + 1) * (longest + 2) > _PADDED_TOKENS:
            width = max(map(len, batch))
            filled += [sequence.ljust(width, b"A") for sequence in batch]
            batch = []
        if protein is not None:
            batch.append(protein)
    return _packed(encoder, filled, _PADDED_TOKENS)


def _with_linears(encoder: Esm2, linear: _Linear) -> Esm2:
    changed = copy.deepcopy(encoder)
    for layer in changed.layers:
        for name, part in list(layer.named_children()):
            if isinstance(part, nn.Linear):
                setattr(layer, name, linear(part.weight, part.bias))
    return changed


def _compiled(encoder: Esm2) -> Esm2:
    """Everything but attention, whose groups differ from batch to batch, is compiled."""
    compiled = copy.deepcopy(encoder)
    plan = compiled._attention

    def plan_uncompiled(layout: PackedLayout, dtype: torch.dtype) -> PackedAttention:
        attend = plan(layout, dtype).__call__
        return torch.compiler.disable(attend)  # type: ignore[no-any-return, no-untyped-call]

    setattr(compiled, "_attention", plan_uncompiled)  # noqa: B010 - mypy forbids the plain way
    for layer in compiled.layers:
        layer.compile(dynamic=True)
    return compiled


class _OneDnnLinear(nn.Module):
    """A linear layer whose weights are in oneDNN's own order."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self._bias = bias
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)

    def forward(self, x: Tensor) -> Tensor:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self._packed, self._bias, "none", [], ""
        )
        return product
