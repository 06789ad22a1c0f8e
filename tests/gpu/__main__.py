"""The check of a CUDA machine: the tests of this folder, then speed. ``make gpu-check``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import unittest
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.gpu.machine import random_on_device
from tests.gpu.measures import linear_weights, measure_limit, measure_speed, square_limit
from tests.gpu.sequences import StandInTokenizer, random_strings
from virnucpro_core import __version__
from virnucpro_core.embedding import EmbedSettings, Precision
from virnucpro_core.errors import UsageError, VirnucproError
from virnucpro_core.models import (
    ATTENTION_BACKENDS,
    ESM2_CONFIGS,
    DnabertS,
    DnabertSConfig,
    Encoder,
    Esm2,
    Esm2Tokenizer,
    Tokenizer,
    choose_attention,
)

ROOT = Path(__file__).parents[2]
NO_DEVICE = 2
GOAL = 0.60
SQUARE = 8192
GOAL_MODEL = "esm2_t36_3B_UR50D"
DEVICE = torch.device("cuda:0")
LONG_SECONDS, SHORT_SECONDS, LIMIT_SECONDS = 30.0, 8.0, 3.0


@dataclass(frozen=True, slots=True)
class Case:
    """An encoder that is measured.

    Attributes:
        name: of the model.
        build: makes it.
        kind, lengths: its sequences; the lengths are repeated.
        tokenizer: makes their tokens.
        budgets: tokens in a batch, the first for every backend, all for the one that auto picks.
    """

    name: str
    build: Callable[[], Encoder]
    kind: str
    lengths: tuple[int, ...]
    tokenizer: Tokenizer
    budgets: tuple[int, ...]


def _esm2(name: str, budgets: tuple[int, ...]) -> Case:
    build = partial(Esm2, ESM2_CONFIGS[name], name)
    return Case(name, build, "protein", (100,), Esm2Tokenizer(), budgets)


CASES = (
    _esm2(GOAL_MODEL, (16_384, 8_192, 32_768, 65_536)),
    _esm2("esm2_t33_650M_UR50D", (16_384, 65_536)),
    Case(
        "dnabert_s",
        partial(DnabertS, DnabertSConfig()),
        "dna",
        tuple(range(400, 501, 5)),
        StandInTokenizer(),
        (16_384, 65_536, 262_144),
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0; 1 when a test fails or a measurement breaks off; 2 without a CUDA device."""
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__)
    parser.add_argument("--output", type=Path, help="JSON file for all results")
    parser.add_argument("--minutes", type=float, default=6.5, help="start nothing new after this")
    parser.add_argument("--skip-tests", action="store_true", help="only measure")
    parser.add_argument("--skip-speed", action="store_true", help="only test")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("gpu-check: no CUDA device: nothing was tested or measured", file=sys.stderr)
        return NO_DEVICE
    stop_at = time.monotonic() + 60 * options.minutes
    report: dict[str, Any] = {"machine": _machine(), "tests": None, "rows": [], "left_out": []}
    print(json.dumps(report["machine"], indent=2), flush=True)
    if not options.skip_tests:
        report["tests"] = _run_tests()
        _save(report, options.output)
    if not options.skip_speed:
        for case in CASES:
            _measure_case(case, report, stop_at, options.output)
        print(_goal_line(report["rows"]))
        for line in report["left_out"]:
            print(f"left out: {line}")
    tests_failed = report["tests"] is not None and not report["tests"]["passed"]
    broke_off = any("error" in row for row in report["rows"])
    return 1 if tests_failed or broke_off else 0


def _machine() -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(0)
    able = {}
    for backend in ATTENTION_BACKENDS:
        try:
            choose_attention(backend, DEVICE, torch.bfloat16)
            able[backend] = "available"
        except UsageError as error:
            able[backend] = str(error)
    return {
        "device": properties.name,
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "virnucpro_core": __version__,
        "attention": able,
    }


def _run_tests() -> dict[str, Any]:
    started = time.monotonic()
    suite = unittest.defaultTestLoader.discover(
        str(ROOT / "tests" / "gpu"), top_level_dir=str(ROOT)
    )
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    summary = {
        "run": result.testsRun,
        "failures": [str(test) for test, _ in result.failures],
        "errors": [str(test) for test, _ in result.errors],
        "skipped": {str(test): reason for test, reason in result.skipped},
        "seconds": round(time.monotonic() - started, 1),
        # A run that finds no test must not look like one that passed.
        "passed": result.wasSuccessful() and result.testsRun > 0,
    }
    print(
        f"tests: {summary['run']} run, {len(result.failures)} failed, {len(result.errors)} broke, "
        f"{len(result.skipped)} skipped, {summary['seconds']} s",
        flush=True,
    )
    return summary


def _measure_case(case: Case, report: dict[str, Any], stop_at: float, output: Path | None) -> None:
    dtype = torch.bfloat16
    if time.monotonic() > stop_at:
        report["left_out"].append(case.name)
        return
    encoder = random_on_device(case.build, DEVICE, dtype)
    n_weights = linear_weights(encoder)
    if case.name == GOAL_MODEL:
        square = square_limit(SQUARE, DEVICE, dtype, LIMIT_SECONDS)
        report["square_tflops"] = square.tflops
        print(f"bf16 product of {SQUARE} × {SQUARE} matrices: {square.tflops:.0f} TFLOP/s")
    limits: dict[int, float] = {}
    print(f"\n{case.name}: {n_weights / 1e6:.0f} million weights in linear layers")
    print(_HEADER, flush=True)
    for backend, budget in _plan(case, dtype):
        label = f"{case.name} {backend} {budget}"
        if time.monotonic() > stop_at:
            report["left_out"].append(label)
            continue
        first = not any(row["model"] == case.name for row in report["rows"])
        seconds = LONG_SECONDS if first and case.name == GOAL_MODEL else SHORT_SECONDS
        row: dict[str, Any] = {"model": case.name, "backend": backend, "token_budget": budget}
        encoder.attention_backend = backend
        try:
            if budget not in limits:
                limits[budget] = measure_limit(encoder, budget, LIMIT_SECONDS).tflops
            speed = measure_speed(
                partial(_strings, case),
                encoder,
                case.tokenizer,
                EmbedSettings(DEVICE, Precision.BF16, budget, attention=backend),
                seconds,
            )
            row |= {**asdict(speed), "limit_tflops": limits[budget], "linear_weights": n_weights}
            row["share_of_limit"] = speed.tflops / limits[budget]
            print(_line(row), flush=True)
        except (RuntimeError, VirnucproError) as error:
            row["error"] = f"{type(error).__name__}: {error}"
            print(f"{label}: {row['error']}", flush=True)
        report["rows"].append(row)
        _save(report, output)
    del encoder
    torch.cuda.empty_cache()


def _plan(case: Case, dtype: torch.dtype) -> list[tuple[str, int]]:
    """Backends and token budgets, what matters most first."""
    needs_bias = case.kind == "dna"
    best = choose_attention("auto", DEVICE, dtype, needs_bias=needs_bias)
    plan = [(best, case.budgets[0])]
    for backend in ATTENTION_BACKENDS:
        try:
            choose_attention(backend, DEVICE, dtype, needs_bias=needs_bias)
        except UsageError:
            continue
        if backend != best:
            plan.append((backend, case.budgets[0]))
    return plan + [(best, budget) for budget in case.budgets[1:]]


def _strings(case: Case, number: int) -> Any:
    lengths = (case.lengths * (number // len(case.lengths) + 1))[:number]
    return random_strings(case.kind, lengths, seed=number)


_HEADER = (
    f"{'backend':>8} {'budget':>7} {'tokens/s':>10} {'seq/s':>8} {'TFLOP/s':>8} {'limit':>6} "
    f"{'share':>6} {'loader idle':>11} {'between batches':>15} {'GiB':>6} {'s':>5}"
)


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['backend']:>8} {row['token_budget']:>7} {row['tokens_per_second']:>10.0f} "
        f"{row['sequences_per_second']:>8.0f} {row['tflops']:>8.1f} {row['limit_tflops']:>6.0f} "
        f"{row['share_of_limit']:>6.2f} {row['loader_share']:>11.2%} "
        f"{row['between_batches_share'] or 0:>15.2%} {row['peak_gib'] or 0:>6.1f} "
        f"{row['seconds']:>5.1f}"
    )


def _goal_line(rows: list[dict[str, Any]]) -> str:
    shares = [
        row["share_of_limit"] for row in rows if row["model"] == GOAL_MODEL and "tflops" in row
    ]
    if not shares:
        return f"goal not measured: {GOAL_MODEL} did not run"
    verdict = "reached" if shares[0] >= GOAL else "missed"
    return (
        f"\n{GOAL_MODEL}, bf16, 100-aa proteins: {shares[0]:.2f} of the matrix-product limit "
        f"(best budget {max(shares):.2f}); goal {GOAL:.2f}: {verdict}"
    )


def _save(report: dict[str, Any], output: Path | None) -> None:
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
