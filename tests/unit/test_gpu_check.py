"""What of the GPU check can be checked without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.gpu import __main__ as gpu_check
from tests.gpu.measures import linear_weights, measure_limit
from tests.gpu.sequences import StandInTokenizer, random_strings
from virnucpro_core.models import (
    DnabertS,
    DnabertSConfig,
    Esm2,
    Esm2Config,
    Esm2Tokenizer,
)

from .models.test_bare_machine import ABSENT

ROOT = Path(__file__).parents[2]
ESM2 = Esm2Config(n_layers=2, width=32, n_heads=2)
DNABERT_S = DnabertSConfig(n_layers=3, width=32, n_heads=2, feed_forward_width=48)
NO_CUDA = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}

DISCOVER = """
import sys, unittest

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import tests.gpu.__main__
suite = unittest.defaultTestLoader.discover("tests/gpu", top_level_dir=".")
result = unittest.TextTestRunner().run(suite)
assert not unittest.defaultTestLoader.errors, unittest.defaultTestLoader.errors
assert result.wasSuccessful() and result.testsRun == len(result.skipped) >= 20, result
print({reason for _, reason in result.skipped})
"""


def test_without_a_device_it_says_so_and_ends_with_2() -> None:
    command = [sys.executable, "-m", "tests.gpu", "--output", "never-written.json"]
    result = subprocess.run(
        command, cwd=ROOT, env=NO_CUDA, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.strip() == "gpu-check: no CUDA device: nothing was tested or measured"
    assert not (ROOT / "never-written.json").exists()


def test_the_gpu_tests_are_found_and_skipped_on_a_bare_machine() -> None:
    command = [sys.executable, "-c", DISCOVER, *ABSENT, "pytest"]
    result = subprocess.run(
        command, cwd=ROOT, env=NO_CUDA, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "{'no CUDA device'}"


def test_linear_weights_are_those_of_the_formula() -> None:
    with torch.device("meta"):
        assert linear_weights(Esm2(ESM2)) == 2 * 12 * 32**2
        per_layer = 4 * 32**2 + 3 * 32 * 48
        assert linear_weights(DnabertS(DNABERT_S)) == 3 * per_layer


def test_the_limit_counts_the_products_of_one_layer() -> None:
    encoder = Esm2(ESM2).eval()
    limit = measure_limit(encoder, 64, 0.05)
    n_times = limit.tflops * 1e12 * limit.seconds / (2 * 64 * 12 * 32**2)
    assert n_times == pytest.approx(round(n_times), rel=1e-6)
    assert n_times >= 3


def test_the_stand_in_tokenizer_reads_the_bases() -> None:
    strings = random_strings("dna", [400, 7, 12])
    tokens = StandInTokenizer().tokenize(strings)
    assert tokens.lengths.tolist() == [82, 3, 4]
    assert tokens.ids.min() >= 5
    assert tokens.ids.max() < 4096
    assert len(np.unique(tokens.ids)) > 70
    again = StandInTokenizer().tokenize(strings.slice(1, 3))
    assert again.ids[1] == tokens.ids[83]


def test_the_whole_check_runs_and_writes_what_it_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the CPU, with tiny models."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu_check, "DEVICE", torch.device("cpu"))
    monkeypatch.setattr(gpu_check, "_machine", dict)
    monkeypatch.setattr(gpu_check, "SQUARE", 64)
    for name in ("LONG_SECONDS", "SHORT_SECONDS", "LIMIT_SECONDS"):
        monkeypatch.setattr(gpu_check, name, 0.05)
    cases = (
        gpu_check.Case(
            gpu_check.GOAL_MODEL, partial(Esm2, ESM2), "protein", (20,), Esm2Tokenizer(), (64, 256)
        ),
        gpu_check.Case(
            "dnabert_s", partial(DnabertS, DNABERT_S), "dna", (40, 55), StandInTokenizer(), (64,)
        ),
    )
    monkeypatch.setattr(gpu_check, "CASES", cases)
    output = tmp_path / "new" / "report.json"
    assert gpu_check.main(["--skip-tests", "--output", str(output)]) == 0
    report = json.loads(output.read_text())
    measured = [(row["model"], row["backend"], row["token_budget"]) for row in report["rows"]]
    assert measured == [
        (gpu_check.GOAL_MODEL, "sdpa", 64),
        (gpu_check.GOAL_MODEL, "sdpa", 256),
        ("dnabert_s", "sdpa", 64),
    ]
    row = report["rows"][0]
    assert row["n_tokens"] == 22 * row["n_sequences"]
    tflops = 2 * 2 * 12 * 32**2 * row["tokens_per_second"] / 1e12
    assert row["tflops"] == pytest.approx(tflops)
    assert row["share_of_limit"] == pytest.approx(row["tflops"] / row["limit_tflops"])
    assert "of the matrix-product limit" in capsys.readouterr().out


def test_what_there_is_no_time_for_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu_check, "_machine", dict)
    assert gpu_check.main(["--skip-tests", "--minutes", "0"]) == 0
    printed = capsys.readouterr().out
    assert "left out: dnabert_s" in printed
    assert "goal not measured" in printed


def test_a_failed_gpu_test_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu_check, "_machine", dict)
    monkeypatch.setattr(gpu_check, "_run_tests", lambda: {"passed": False})
    assert gpu_check.main(["--skip-speed"]) == 1
    monkeypatch.setattr(gpu_check, "_run_tests", lambda: {"passed": True})
    assert gpu_check.main(["--skip-speed"]) == 0
